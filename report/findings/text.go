package findings

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// snippetWidth bounds the shown part of a line; longer ones are cut around
// the place.
const snippetWidth = 120

type paint struct{ on bool }

func (p paint) in(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p paint) severity(s Severity) string {
	return p.in([]string{"36", "33;1", "31;1"}[s], s.String())
}

func writeText(w io.Writer, r *Result, colour bool) error {
	out, p := bufio.NewWriter(w), paint{colour}
	for _, f := range r.Findings {
		fmt.Fprintf(out, "%s: %s: %s %s\n", p.in("1", printable.Line(f.Place())),
			p.severity(f.Severity), printable.Line(f.Message), p.in("2", "["+f.Rule+"]"))
		text, mark := snippet(f)
		if text != "" {
			number := fmt.Sprint(f.Line)
			if f.Rendered {
				number = "rendered"
			}
			fmt.Fprintf(out, "  %s | %s\n", number, text)
			if mark != "" {
				fmt.Fprintf(out, "  %s | %s\n", strings.Repeat(" ", len(number)), p.in("33", mark))
			}
		}
		object := f.Object
		if f.BuiltBy != "" {
			object += ", as built by " + f.BuiltBy
		}
		fmt.Fprintf(out, "  in %s\n  %s %s\n\n", printable.Line(object), p.in("32", "do:"), printable.Line(f.Remedy))
	}
	for _, u := range r.Unreadable {
		place := printable.Line(u.File)
		if u.Line > 0 {
			place = fmt.Sprintf("%s:%d", place, u.Line)
		}
		fmt.Fprintf(out, "%s: %s: %s\n", p.in("1", place), p.in("31;1", "cannot read"), printable.Line(u.Message))
	}
	s := r.Summary
	fmt.Fprintf(out, "%s in %s: %s, %s, %s", count(s.Objects, "object"), count(s.Files, "file"),
		count(s.Errors, "error"), count(s.Warnings, "warning"), count(s.Infos, "info"))
	if s.Suppressed > 0 {
		fmt.Fprintf(out, ", %d suppressed", s.Suppressed)
	}
	if n := len(r.Unreadable); n > 0 {
		fmt.Fprintf(out, ", %d not readable", n)
	}
	fmt.Fprintln(out)
	writeFixable(out, r)
	if n := s.WithoutService; n > 0 {
		fmt.Fprintf(out, "not in the input: a Service for %s with ports or probes, so what sends to them, and for how long, is unknown\n", count(n, "workload"))
	}
	return out.Flush()
}

// writeFixable says how much of what was found can be fixed, and by which command.
func writeFixable(w io.Writer, r *Result) {
	n, allow := 0, []string{}
	for _, f := range r.Findings {
		if f.Fix != "" {
			n++
		}
		if f.Fix == FixAllow && !slices.Contains(allow, f.Rule) {
			allow = append(allow, f.Rule)
		}
	}
	switch {
	case n == 0:
	case len(allow) == 0:
		fmt.Fprintf(w, "%d can be fixed: lameduck fix\n", n)
	default:
		fmt.Fprintf(w, "%d can be fixed: lameduck fix --allow %s\n", n, strings.Join(allow, ","))
	}
}

func count(n int, noun string) string {
	if n == 1 || noun == "info" {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// snippet is the finding's line and a line that marks the place in it, "" if that is not known.
func snippet(f Finding) (text, mark string) {
	runes := []rune(f.Text)
	start, end := max(0, f.Column-1-f.Skipped), f.EndColumn-1-f.Skipped
	if f.EndLine != f.Line || end <= start {
		end = start + 1
	}
	if start >= len(runes) {
		return printable.Line(f.Text), ""
	}
	end = min(end, len(runes))
	if len(runes) > snippetWidth {
		from := max(0, min(start-snippetWidth/4, len(runes)-snippetWidth))
		runes = runes[from:min(len(runes), from+snippetWidth)]
		start, end = start-from, min(end-from, len(runes))
	}
	if f.Column == 0 {
		return printable.Line(string(runes)), ""
	}
	return printable.Line(string(runes)), strings.Repeat(" ", start) + strings.Repeat("^", max(1, end-start))
}
