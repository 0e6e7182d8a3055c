package files

import (
	"slices"
	"strings"
)

// merge carries the changes between two layouts of a tree, before and after its edit, over
// to the text that the tree was read from, so that what a layout does not know stays: blank
// lines, quotes, widths, mixed indents. It reports false where the text has no line of its
// own for something that changed; the layout after the edit has to do then.
func merge(text, before, after string) (string, bool) {
	lines, old, changed := cut(text), cut(before), cut(after)
	at, ok := match(loose(old), loose(lines))
	if !ok {
		return "", false
	}
	kept, ok := match(changed, old)
	if !ok {
		return "", false
	}
	hunks := hunksOf(kept, len(old))
	for _, h := range slices.Backward(hunks) {
		start, end, ok := h.place(at, lines)
		if !ok {
			return "", false
		}
		added := h.indented(changed[h.newStart:h.newEnd], old, lines, at)
		if start > 0 && len(added) > 0 && !strings.HasSuffix(lines[start-1], "\n") {
			lines[start-1] += "\n"
		}
		lines = slices.Concat(lines[:start:start], added, lines[end:])
	}
	return strings.Join(lines, ""), true
}

// cut splits a text into lines that keep their ends.
func cut(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// loose are the lines without their spaces: layouts differ in them.
func loose(lines []string) []string {
	bare := make([]string, len(lines))
	for i, line := range lines {
		bare[i] = strings.Join(strings.Fields(line), "")
	}
	return bare
}

// hunk is a piece of the old layout and what stands in its place in the new one.
type hunk struct{ oldStart, oldEnd, newStart, newEnd int }

// hunksOf lists what differs; kept[i] is the old line that the new line i is, or -1.
func hunksOf(kept []int, old int) []hunk {
	var hunks []hunk
	h := hunk{}
	for i, from := range append(kept, old) {
		if from < 0 {
			continue
		}
		h.oldEnd, h.newEnd = from, i
		if h.oldStart < h.oldEnd || h.newStart < h.newEnd {
			hunks = append(hunks, h)
		}
		h = hunk{oldStart: from + 1, newStart: i + 1}
	}
	return hunks
}

// place finds the lines of the text that the hunk's old lines are. Blank lines inside a
// replaced piece go with it.
func (h hunk) place(at []int, lines []string) (start, end int, ok bool) {
	if h.oldStart == h.oldEnd {
		start, ok = h.between(at, lines)
		return start, start, ok
	}
	start = at[h.oldStart]
	for i := h.oldStart; i < h.oldEnd; i++ {
		if at[i] < 0 {
			return 0, 0, false
		}
		if i > h.oldStart && slices.ContainsFunc(lines[at[i-1]+1:at[i]], func(s string) bool { return strings.TrimSpace(s) != "" }) {
			return 0, 0, false
		}
	}
	return start, at[h.oldEnd-1] + 1, true
}

// between finds the place of an insertion: behind the line before it, or if the text writes
// that in its own way (a folded scalar), before the line after it and its blank lines.
func (h hunk) between(at []int, lines []string) (int, bool) {
	switch {
	case h.oldStart == 0:
		return 0, true
	case at[h.oldStart-1] >= 0:
		return at[h.oldStart-1] + 1, true
	}
	start := len(lines)
	if h.oldStart < len(at) {
		start = at[h.oldStart]
	}
	for start > 0 && strings.TrimSpace(lines[start-1]) == "" {
		start--
	}
	return start, start > 0
}

// indented are the hunk's new lines as deep as the text around them: a line that no line
// above it in the hunk holds stands like its siblings, and what it holds moves with it.
func (h hunk) indented(added, old, lines []string, at []int) []string {
	var out []string
	top, shift := -1, 0
	for _, line := range added {
		if d := depth(line); top < 0 || d <= top {
			top, shift = d, h.shift(line, old, lines, at)
		}
		if shift >= 0 {
			line = strings.Repeat(" ", shift) + line
		} else {
			line = line[min(-shift, depth(line)):]
		}
		out = append(out, line)
	}
	return out
}

// shift is how much deeper the text has a line than the old layout: as much as the sibling
// above it, else the one below, else the line that holds it.
func (h hunk) shift(line string, old, lines []string, at []int) int {
	above, ok := sibling(line, old, h.oldStart-1, -1)
	if !ok {
		if below, found := sibling(line, old, h.oldEnd, +1); found {
			above = below
		}
	}
	if above < 0 || at[above] < 0 {
		return 0
	}
	return depth(lines[at[above]]) - depth(old[above])
}

// sibling looks up or down from a line of a layout for one of the same depth and kind, key
// or list item. If there is none it gives the line that ended the search, or -1.
func sibling(line string, layout []string, from, step int) (int, bool) {
	wanted, item := depth(line), isItem(line)
	for i := from; i >= 0 && i < len(layout); i += step {
		text := strings.TrimSpace(layout[i])
		if text == "" || text[0] == '#' {
			continue
		}
		switch d := depth(layout[i]); {
		case d == wanted && isItem(layout[i]) == item:
			return i, true
		case d < wanted, d == wanted && item:
			return i, false
		}
	}
	return -1, false
}

func isItem(line string) bool {
	text := strings.TrimSpace(line)
	return text == "-" || strings.HasPrefix(text, "- ")
}

func depth(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// maxCells bounds the table of match: two layouts that differ on 4,000 lines each.
const maxCells = 16_000_000

// match pairs the lines of a with equal lines of b, as many as possible and in order: the
// index in b for each line of a, or -1. It reports false if they differ on too many lines.
func match(a, b []string) ([]int, bool) {
	pairs := make([]int, len(a))
	for i := range pairs {
		pairs[i] = -1
	}
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		pairs[head] = head
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		pairs[len(a)-1-tail] = len(b) - 1 - tail
		tail++
	}
	rows, columns := len(a)-head-tail+1, len(b)-head-tail+1
	if rows*columns > maxCells {
		return nil, false
	}
	// common[i*columns+j] is how many lines the rests of a from i and of b from j share.
	common := make([]uint16, rows*columns)
	for i := rows - 2; i >= 0; i-- {
		for j := columns - 2; j >= 0; j-- {
			if a[head+i] == b[head+j] {
				common[i*columns+j] = common[(i+1)*columns+j+1] + 1
			} else {
				common[i*columns+j] = max(common[(i+1)*columns+j], common[i*columns+j+1])
			}
		}
	}
	for i, j := 0, 0; i < rows-1 && j < columns-1; {
		switch {
		case a[head+i] == b[head+j]:
			pairs[head+i] = head + j
			i++
			j++
		case common[(i+1)*columns+j] >= common[i*columns+j+1]:
			i++
		default:
			j++
		}
	}
	return pairs, true
}
