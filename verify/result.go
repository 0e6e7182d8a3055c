package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// latenessNoted, in milliseconds, is when the load generator's own lateness is worth a note.
const latenessNoted = 250

// result joins what the lanes counted with what the cluster showed.
func (r *run) result(ctx context.Context) *report.Verify {
	out := &report.Verify{
		Schema: report.VerifySchema, Target: r.URL, Rate: r.Rate,
		Started: r.start.UTC(), Ended: time.Now().UTC(), Action: r.action, Phases: map[string]int{},
	}
	lateness := newHistogram()
	routed := false
	for _, l := range r.lanes {
		out.Lanes = append(out.Lanes, l.report())
		out.Totals.Add(l.tally.counts)
		out.Losses = append(out.Losses, l.tally.losses...)
		out.LossesOmitted += l.tally.omitted
		lateness.Merge(l.tally.lateness)
		routed = routed || l.tally.routed
	}
	out.Lateness = quantiles(lateness)
	slices.SortFunc(out.Losses, func(a, b report.Loss) int {
		return cmp.Or(a.Intended.Compare(b.Intended), cmp.Compare(a.ID, b.ID))
	})
	join := attribution{address: r.ways[0].url.Hostname(), routed: routed}
	if r.watch != nil {
		answered := out.Totals.OK + out.Totals.Masked
		pods, ledger, notes := r.watch.finish(ctx, answered)
		join.pods, out.Notes = pods, notes
		if ledger != nil {
			join.received = ledger.received
			out.Ledger = ledger.compare(answered, out.Losses)
		}
	}
	join.all(out)
	if late := out.Lateness.P99; late > latenessNoted {
		out.Notes = append(out.Notes, fmt.Sprintf("the load generator could not keep up: it began requests late by %.0f ms (p99), which latencies and timeouts include; use a lower rate, or a machine with more CPU to spare", late))
	}
	out.Pods = join.pods
	return out
}

// report is what the lane counted.
func (l *lane) report() report.Lane {
	out := report.Lane{Name: l.name, Rate: l.pacer.rate, Counts: l.tally.now(), Latency: map[report.Window]report.Quantiles{}}
	for window, h := range l.tally.latency {
		if h.TotalCount() > 0 {
			out.Latency[window] = quantiles(h)
		}
	}
	return out
}

// intended is when the request with this id was due.
func (l *lane) intended(id string) time.Duration {
	n, err := strconv.ParseInt(strings.TrimPrefix(id, l.prefix), 10, 64)
	if err != nil {
		return 0
	}
	return l.pacer.At(n)
}
