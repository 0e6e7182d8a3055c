package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

// lossRows bounds the rows of losses in the text; the JSON form has every single one.
const lossRows = 25

// VerifyJSON writes v as indented JSON.
func VerifyJSON(w io.Writer, v *Verify) error {
	encoder := json.NewEncoder(printable.JSON{To: w})
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// VerifyText writes v for people. Times of the pods count from the action's beginning.
func VerifyText(w io.Writer, v *Verify) error {
	var b strings.Builder
	t := &verifyText{Builder: &b, v: v, zero: v.Started}
	if v.Action != nil {
		t.zero = v.Action.Began
	}
	t.head()
	t.lanes()
	t.latency()
	t.causes()
	t.faults()
	t.hints()
	t.pods()
	t.ledger()
	t.losses()
	for _, note := range v.Notes {
		t.printf("\nNote: %s.\n", note)
	}
	t.conclusion()
	_, err := io.WriteString(w, b.String())
	return err
}

type verifyText struct {
	*strings.Builder
	v    *Verify
	zero time.Time
}

// printf makes text from the cluster printable.
func (t *verifyText) printf(format string, args ...any) {
	t.WriteString(printable.Sprintf(format, args...))
}

// table writes rows in columns; the first row is the head.
func (t *verifyText) table(rows [][]string) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, "  "+strings.Join(printable.Lines(row), "\t"))
	}
	_ = w.Flush() // into memory
	for line := range strings.Lines(b.String()) {
		t.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}

func (t *verifyText) head() {
	v := t.v
	t.printf("%s, %.4g requests/s for %s\n", v.Target, v.Rate, v.Ended.Sub(v.Started).Round(100*time.Millisecond))
	switch {
	case v.Action == nil:
	case v.Action.Failure != "":
		t.printf("%s FAILED: %s\n", v.Action.Name, v.Action.Failure)
	default:
		t.printf("%s, complete after %s\n", v.Action.Name, v.Action.Ended.Sub(v.Action.Began).Round(10*time.Millisecond))
	}
}

func (t *verifyText) lanes() {
	rows := [][]string{{"LANE", "REQUESTS", "OK", "LOST", "MASKED", "KINDS"}}
	row := func(name string, c Counts) {
		rows = append(rows, []string{name, fmt.Sprint(c.Requests), fmt.Sprint(c.OK), fmt.Sprint(c.Lost), fmt.Sprint(c.Masked), kindsText(c.Kinds)})
	}
	for _, lane := range t.v.Lanes {
		row(lane.Name, lane.Counts)
	}
	if len(t.v.Lanes) > 1 {
		row("all", t.v.Totals)
	}
	t.WriteString("\n")
	t.table(rows)
	for _, lane := range t.v.Lanes {
		if n := lane.Counts.Told; n > 0 {
			t.printf("  %s: the server ended %d of them early and said so; they count as OK\n", lane.Name, n)
		}
	}
}

func kindsText(kinds map[Kind]int) string {
	var parts []string
	for _, kind := range inOrder(kinds) {
		if kind != Masked {
			parts = append(parts, fmt.Sprintf("%s %d", kind, kinds[kind]))
		}
	}
	return strings.Join(parts, ", ")
}

func (t *verifyText) latency() {
	rows := [][]string{{"LATENCY (ms)", "", "P50", "P90", "P99", "P99.9", "MAX"}}
	for _, lane := range t.v.Lanes {
		name := lane.Name
		for _, window := range Windows {
			q, there := lane.Latency[window]
			if !there {
				continue
			}
			when := string(window)
			if t.v.Action == nil {
				when = ""
			}
			rows = append(rows, []string{name, when, ms(q.P50), ms(q.P90), ms(q.P99), ms(q.P999), ms(q.Max)})
			name = ""
		}
	}
	t.WriteString("\n")
	t.table(rows)
	t.printf("  from the intended start; the load generator itself began late by %s ms (p50), %s ms (p99)\n", ms(t.v.Lateness.P50), ms(t.v.Lateness.P99))
}

func ms(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// causes says in which phase of which pod requests were lost.
func (t *verifyText) causes() {
	if len(t.v.Losses) == 0 {
		return
	}
	type cause struct {
		phase, pods string
		confidence  Confidence
	}
	counts := map[cause]int{}
	var order []cause
	for _, loss := range t.v.Losses {
		c := cause{loss.Phase, strings.Join(loss.Pods, " or "), loss.Confidence}
		if counts[c] == 0 {
			order = append(order, c)
		}
		counts[c]++
	}
	slices.SortStableFunc(order, func(a, b cause) int { return counts[b] - counts[a] })
	rows := [][]string{{"LOST OR MASKED", "PHASE", "POD", "CONFIDENCE"}}
	for _, c := range order {
		rows = append(rows, []string{fmt.Sprint(counts[c]), c.phase, dash(c.pods), string(c.confidence)})
	}
	t.WriteString("\n")
	t.table(rows)
}

// pods shows each pod's way out, in seconds since the action began.
func (t *verifyText) pods() {
	if len(t.v.Pods) == 0 {
		return
	}
	rows := [][]string{{"POD", "NODE", "LEAVES", "NOT READY", "HOOK END", "SIGTERM", "EXIT", "CODE", "GONE", "GRACE", "LOST"}}
	for _, pod := range t.v.Pods {
		row := []string{
			pod.Pod.Name, pod.Pod.Node, "?", t.at(pod.SliceNotReady), t.hook(&pod), t.moment(pod.Sigterm),
			"?", exitText(&pod), t.at(pod.Gone), fmt.Sprintf("%ds", pod.GraceSeconds), fmt.Sprint(pod.Losses),
		}
		for _, step := range pod.Steps {
			switch step.Phase {
			case termination.LameDuck:
				row[2] = t.at(step.Time)
			case termination.Stopped, termination.Killed:
				row[6] = t.at(step.Time)
			}
		}
		rows = append(rows, row)
	}
	t.WriteString("\n")
	t.table(rows)
	t.WriteString("  in seconds since the action began; ? is not known\n")
	for _, pod := range t.v.Pods {
		if pod.HookEnd != nil && strings.HasPrefix(pod.HookLog, "lameduck: ") {
			t.printf("  %s %s: %s\n", t.moment(pod.HookEnd), pod.Pod.Name, pod.HookLog)
		}
		for _, event := range pod.Events {
			// The kubelet writes these two for every pod that stops.
			if event.Reason != "Killing" && event.Reason != "Unhealthy" {
				t.printf("  %s %s: %s: %s\n", t.at(event.Time), pod.Pod.Name, event.Reason, event.Message)
			}
		}
	}
}

func (t *verifyText) at(when time.Time) string {
	if when.IsZero() {
		return "?"
	}
	return fmt.Sprintf("%.2f", when.Sub(t.zero).Seconds())
}

func (t *verifyText) moment(m *Moment) string {
	if m == nil {
		return "?"
	}
	return t.at(m.Time)
}

func (t *verifyText) hook(pod *PodLine) string {
	if pod.Hook == "none" {
		return "no hook"
	}
	return t.moment(pod.HookEnd)
}

func exitText(pod *PodLine) string {
	if len(pod.Exits) == 0 {
		return "?"
	}
	var codes []string
	for _, exit := range pod.Exits {
		code := fmt.Sprint(exit.Code)
		if exit.Killed {
			code += " killed"
		}
		codes = append(codes, code)
	}
	return strings.Join(codes, ", ")
}

func (t *verifyText) ledger() {
	l := t.v.Ledger
	if l == nil {
		return
	}
	t.printf("\nBy the application's ledger %d requests were received and %d applied; %d were applied though the client saw an error, %d twice.\n",
		l.Received, l.Applied, l.LostButApplied, l.AppliedTwice)
	if l.Missing > 0 || l.OKNotApplied > 0 {
		t.printf("The ledger is incomplete: %d of its lines did not arrive, and %d answered requests are missing from it.\n", l.Missing, l.OKNotApplied)
	}
}

// losses lists the losses, like ones in one row.
func (t *verifyText) losses() {
	if len(t.v.Losses) == 0 {
		return
	}
	type row struct {
		lane                 string
		kind                 Kind
		phase, pods, applied string
		detail               string
	}
	type span struct {
		n           int
		first, last time.Time
	}
	spans := map[row]*span{}
	var order []row
	for _, loss := range t.v.Losses {
		r := row{loss.Lane, loss.Kind, loss.Phase, dash(strings.Join(loss.Pods, " or ")), "-", loss.Detail}
		if loss.Applied != nil {
			r.applied = map[bool]string{true: "yes", false: "no"}[*loss.Applied]
		}
		s := spans[r]
		if s == nil {
			s = &span{first: loss.Intended}
			spans[r] = s
			order = append(order, r)
		}
		s.n++
		s.last = loss.Intended
	}
	rows := [][]string{{"DUE FROM", "TO", "LOST", "LANE", "KIND", "PHASE", "POD", "APPLIED", "DETAIL"}}
	for _, r := range order[:min(len(order), lossRows)] {
		s := spans[r]
		rows = append(rows, []string{t.at(s.first), t.at(s.last), fmt.Sprint(s.n), r.lane, string(r.kind), r.phase, r.pods, r.applied, r.detail})
	}
	t.WriteString("\n")
	t.table(rows)
	if more := len(order) - lossRows; more > 0 {
		t.printf("  and %d more rows; -o json lists every single loss\n", more)
	}
}

func (t *verifyText) conclusion() {
	c := t.v.Totals
	t.WriteString("\n")
	switch {
	case t.v.Action != nil && t.v.Action.Failure != "":
		t.printf("Nothing is proved: the action failed. %d of %d requests were lost, %d masked.\n", c.Lost, c.Requests, c.Masked)
	case c.Lost == 0 && c.Masked == 0:
		t.printf("Nothing was lost: %d requests, all answered at the first try.\n", c.Requests)
	default:
		t.printf("LOST: %d of %d requests", c.Lost, c.Requests)
		if c.Unsent > 0 {
			t.printf(" (%d of them could not even be sent)", c.Unsent)
		}
		t.printf(", and %d masked by a silent retry.\n", c.Masked)
	}
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
