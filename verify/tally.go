package verify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/lameduck-dev/lameduck/report"
)

// Bounds of what is kept. Histograms count microseconds with three significant digits.
const (
	latencyMax    = int64(time.Minute / time.Microsecond)
	latencyDigits = 3
	lossesKept    = 20_000 // a lane; more are counted, but not listed
	detailKept    = 200    // bytes of an error's text
)

// windows tells which window of the run a time belongs to. Times count from the start of the
// load; a border that is not reached yet is zero.
type windows struct {
	began, ended atomic.Int64
}

func (w *windows) of(at time.Duration) report.Window {
	began, ended := w.began.Load(), w.ended.Load()
	switch {
	case began == 0 || int64(at) < began:
		return report.Before
	case ended == 0 || int64(at) < ended:
		return report.During
	}
	return report.After
}

// shotResult is how one request fared. Times count from the start of the load.
type shotResult struct {
	shot     Shot
	intended time.Duration
	began    time.Duration
	ended    time.Duration
	err      error
}

// tally counts the results of one lane.
type tally struct {
	lane    string
	start   time.Time
	windows *windows

	mu       sync.Mutex
	counts   report.Counts
	losses   []report.Loss
	omitted  int
	routed   bool // some connection was answered by one pod and then by another
	latency  map[report.Window]*hdrhistogram.Histogram
	lateness *hdrhistogram.Histogram
	answered map[string]int // by pod
}

func newTally(lane string, start time.Time, w *windows) *tally {
	t := &tally{
		lane: lane, start: start, windows: w,
		counts:   report.Counts{Kinds: map[report.Kind]int{}},
		latency:  map[report.Window]*hdrhistogram.Histogram{},
		lateness: newHistogram(),
		answered: map[string]int{},
	}
	for _, window := range report.Windows {
		t.latency[window] = newHistogram()
	}
	return t
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, latencyMax, latencyDigits)
}

func observe(h *hdrhistogram.Histogram, d time.Duration) {
	// Within its bounds RecordValue can't fail.
	_ = h.RecordValue(min(max(d.Microseconds(), 0), latencyMax))
}

// count adds one result.
func (t *tally) count(o *shotResult) {
	window := t.windows.of(o.intended)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Requests++
	t.routed = t.routed || o.shot.Routed
	observe(t.lateness, o.began-o.intended)
	if o.err != nil {
		kind, status := kindOf(o.err)
		t.counts.Lost++
		if kind == report.Unsent || kind == report.Late {
			t.counts.Unsent++
		}
		t.lose(o, window, kind, status, detailOf(o.err))
		return
	}
	answered := o.ended
	if !o.shot.Answered.IsZero() {
		answered = o.shot.Answered.Sub(t.start)
	}
	observe(t.latency[window], answered-o.intended)
	if o.shot.Pod != "" {
		t.answered[o.shot.Pod]++
	}
	if o.shot.Conns > 1 {
		t.counts.Masked++
		detail := fmt.Sprintf("the client sent it again by itself: %d connections", o.shot.Conns)
		if o.shot.Retried != "" {
			detail = "the client sent it again by itself: " + o.shot.Retried
		}
		t.lose(o, window, report.Masked, 0, detail)
		return
	}
	t.counts.OK++
	if o.shot.Told {
		t.counts.Told++
	}
}

func (t *tally) lose(o *shotResult, window report.Window, kind report.Kind, status int, detail string) {
	t.counts.Kinds[kind]++
	if len(t.losses) == lossesKept {
		t.omitted++
		return
	}
	loss := report.Loss{
		Lane: t.lane, ID: o.shot.ID, Kind: kind, Window: window,
		Intended: t.start.Add(o.intended), Seen: t.start.Add(o.ended),
		Status: status, Attempts: o.shot.Conns, Reused: o.shot.Reused,
		Detail: detail[:min(len(detail), detailKept)],
		Hint:   o.shot.Hint,
	}
	switch s := o.shot; {
	case s.Pod != "" && kind != report.Masked:
		loss.Pods, loss.Confidence = []string{s.Pod}, report.Certain
	case s.Suspect != "" && s.Direct:
		loss.Pods, loss.Confidence = []string{s.Suspect}, report.Certain
	case s.Suspect != "":
		loss.Pods, loss.Confidence = []string{s.Suspect}, report.ByConnection
	}
	t.losses = append(t.losses, loss)
}

// demote turns a request that was counted as answered into a masked one: a connect made for its
// sake failed, which another connection hid.
func (t *tally) demote(m MaskedConnect, intended time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.losses {
		if t.losses[i].ID == m.ID {
			return
		}
	}
	t.counts.OK--
	t.counts.Masked++
	o := &shotResult{shot: Shot{ID: m.ID, Conns: 1}, intended: intended, ended: intended}
	t.lose(o, t.windows.of(intended), report.Masked, 0, "a connect failed, another connection served it: "+m.Err.Error())
}

// now is the count so far.
func (t *tally) now() report.Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum report.Counts
	sum.Add(t.counts)
	return sum
}

func quantiles(h *hdrhistogram.Histogram) report.Quantiles {
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return report.Quantiles{
		Count: h.TotalCount(),
		P50:   ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)),
		P99: ms(h.ValueAtQuantile(99)), P999: ms(h.ValueAtQuantile(99.9)),
		Max: ms(h.Max()),
	}
}

// detailOf is an error's text without the port that the client happened to have, which would make
// each loss look like no other.
func detailOf(err error) string {
	var op *net.OpError
	text := err.Error()
	if errors.As(err, &op) && op.Source != nil {
		text = strings.ReplaceAll(text, op.Source.String()+"->", "")
	}
	return text
}

// aborted reports whether the run itself ended the request, which is no loss.
func aborted(ctx context.Context) bool { return ctx.Err() != nil }
