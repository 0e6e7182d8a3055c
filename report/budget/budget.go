// Package budget draws how a manifest's grace period is spent, on the two timelines of a stop: what
// the routers know, and what the pod does.
package budget

import (
	"fmt"
	"io"
	"strings"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// Budget is one workload's stop. All times are seconds after the pod was
// deleted.
type Budget struct {
	Object  string
	Grace   int64
	Default bool // the manifest sets no grace period
	Open    bool // it depends on a number that is not known: there is nothing to draw
	Routers []Span
	Pods    []Container
	Losses  []string // where requests are lost, in words
	// Conditions are what has to hold for nothing to be lost, where the input does not say.
	Conditions []string
	Unseen     string // what the input does not show, and so is not judged
}

// Container is what happens in one container.
type Container struct {
	Name  string
	Spans []Span
}

// Span is one part of a timeline.
type Span struct {
	Name       string
	Start, End int64
	Note       string
}

const (
	nameWidth = 22
	barWidth  = 50
)

// Write draws the budget as text.
func Write(w io.Writer, b Budget) error {
	var out strings.Builder
	print := func(format string, args ...any) { out.WriteString(printable.Sprintf(format, args...)) }
	if b.Open {
		print("%s: not drawn: it depends on a number that the manifest does not say (a placeholder, or a text in its place); fill it in first\n", b.Object)
		_, err := io.WriteString(w, out.String())
		return err
	}
	print("%s: grace period %d s", b.Object, b.Grace)
	if b.Default {
		out.WriteString(" (the default)")
	}
	scale := scale{last: b.last()}
	print("\n\n%s%s\n", strings.Repeat(" ", nameWidth), scale.axis())
	group := func(title string, spans []Span) {
		print("  %s\n", title)
		for _, s := range spans {
			print("    %-*s%s  %s\n", nameWidth-4, cut(s.Name, nameWidth-5), scale.bar(s), s.Note)
		}
	}
	if len(b.Routers) > 0 {
		group("routers that still send", b.Routers)
	}
	for _, c := range b.Pods {
		group("container "+c.Name, c.Spans)
	}
	print("    %-*s%s  %d s\n\n", nameWidth-4, "SIGKILL", scale.point(b.Grace, 'X'), b.Grace)
	for _, loss := range b.Losses {
		print("  lost: %s\n", loss)
	}
	switch {
	case b.Unseen != "":
		fmt.Fprintf(&out, "  not in the input: %s\n", b.Unseen)
	case len(b.Losses) == 0 && len(b.Conditions) > 0:
		print("  At these times nothing is lost if %s.\n", strings.Join(b.Conditions, ", and "))
	case len(b.Losses) == 0:
		out.WriteString("  At these times nothing is expected to be lost.\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (b Budget) last() int64 {
	last := max(b.Grace, 1)
	for _, s := range b.Routers {
		last = max(last, s.End)
	}
	for _, c := range b.Pods {
		for _, s := range c.Spans {
			last = max(last, s.End)
		}
	}
	return last
}

// scale maps seconds to columns.
type scale struct{ last int64 }

func (s scale) column(second int64) int { return int(float64(second) / float64(s.last) * barWidth) }

func (s scale) axis() string {
	left, right := "0", fmt.Sprintf("%d s", s.last)
	return left + strings.Repeat(" ", max(1, barWidth-len(left)-len(right)+2)) + right
}

// bar is at least one column wide if the span takes any time.
func (s scale) bar(span Span) string {
	from := max(0, s.column(span.Start))
	to := max(from, s.column(span.End))
	if span.End > span.Start && to == from {
		to++
	}
	to = min(to, barWidth)
	from = min(from, to)
	return strings.Repeat(" ", from) + strings.Repeat("=", to-from) + strings.Repeat(" ", barWidth-to)
}

func (s scale) point(second int64, mark byte) string {
	at := min(max(0, s.column(second)), barWidth-1)
	return strings.Repeat(" ", at) + string(mark) + strings.Repeat(" ", barWidth-at-1)
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
