package check

import (
	"fmt"
	"strings"
)

// diffContext is how many unchanged lines a diff shows around a change.
const diffContext = 3

// Diff is a change as a unified diff for patch -p1.
func Diff(c Change) string {
	before, after := splitLines(c.Before), splitLines(c.After)
	ops := script(before, after)
	var b strings.Builder
	path := strings.TrimPrefix(c.Path, "/")
	fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n", path, path)
	for i := 0; i < len(ops); {
		if ops[i].mark == ' ' {
			i++
			continue
		}
		start, end := max(0, i-diffContext), i
		for gap := 0; end < len(ops) && gap <= 2*diffContext; end++ {
			if gap++; ops[end].mark != ' ' {
				gap = 0
			}
		}
		end = min(len(ops), lastChange(ops[:end])+1+diffContext)
		hunk(&b, ops[start:end])
		i = end
	}
	return b.String()
}

// op is one line of a diff and its number before and after, from 1.
type op struct {
	mark          byte
	text          string
	before, after int
}

func lastChange(ops []op) int {
	for i := len(ops) - 1; i >= 0; i-- {
		if ops[i].mark != ' ' {
			return i
		}
	}
	return -1
}

func hunk(b *strings.Builder, ops []op) {
	var old, fresh int
	for _, o := range ops {
		if o.mark != '+' {
			old++
		}
		if o.mark != '-' {
			fresh++
		}
	}
	from, to := ops[0].before, ops[0].after
	if old == 0 {
		from--
	}
	if fresh == 0 {
		to--
	}
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", from, old, to, fresh)
	for _, o := range ops {
		b.WriteByte(o.mark)
		b.WriteString(o.text)
		if !strings.HasSuffix(o.text, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// script lists the lines of both texts in order. Edits are few and small, so
// it walks to the next line on which both agree instead of searching for the
// shortest script.
func script(before, after []string) []op {
	var ops []op
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		if i < len(before) && j < len(after) && before[i] == after[j] {
			ops = append(ops, op{' ', before[i], i + 1, j + 1})
			i, j = i+1, j+1
			continue
		}
		x, y := meet(before[i:], after[j:])
		for range x {
			ops = append(ops, op{'-', before[i], i + 1, j + 1})
			i++
		}
		for range y {
			ops = append(ops, op{'+', after[j], i + 1, j + 1})
			j++
		}
	}
	return ops
}

// meet finds the nearest pair of equal lines that are followed by an equal
// line again, or the ends.
func meet(a, b []string) (x, y int) {
	for total := 1; total < len(a)+len(b); total++ {
		for x := max(0, total-len(b)); x <= min(total, len(a)); x++ {
			y := total - x
			if x < len(a) && y < len(b) && a[x] == b[y] && (x+1 == len(a)) == (y+1 == len(b)) && (x+1 == len(a) || a[x+1] == b[y+1]) {
				return x, y
			}
		}
	}
	return len(a), len(b)
}

func splitLines(s string) []string {
	lines := strings.SplitAfter(s, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
