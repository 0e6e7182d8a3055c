package manifest

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Span is a piece of a file: byte offsets, and lines and columns counted from
// 1, columns in characters. The end is exclusive.
type Span struct {
	Start, End         int
	Line, Column       int
	EndLine, EndColumn int
}

// Span is the place of the node's value; of its key if the value spans lines, and the start of the
// nearest line if neither is known.
func (f *File) Span(n *Node) Span {
	start, end := 0, 0
	if n != nil {
		start, end = int(n.off), int(n.end)
		many := n.Kind == Map || n.Kind == List || n.Style == Block
		if n.keyOff >= 0 && (many || !n.Located() || n.Kind == Null) {
			start, end = int(n.keyOff), int(n.keyOff)+len(n.Key)
		}
		start = max(start, 0)
		if end < start {
			end = start
		}
		if many && n.keyOff < 0 {
			end = start
		}
	}
	return f.span(start, end)
}

func (f *File) span(start, end int) Span {
	s := Span{Start: min(start, len(f.Src)), End: min(end, len(f.Src))}
	s.Line, s.Column = f.position(s.Start)
	s.EndLine, s.EndColumn = f.position(s.End)
	return s
}

func (f *File) position(off int) (line, column int) {
	f.index()
	line, _ = slices.BinarySearch(f.lines, int32(off)+1)
	start := int(f.lines[line-1])
	if off-start <= markEvery {
		return line, utf8.RuneCountInString(f.Src[start:off]) + 1
	}
	return line, f.characters(off) - f.characters(start) + 1
}

// markEvery so many bytes the characters of a long line are counted, so that a column far into it
// costs no more than one at its start: a minified file is a single line.
const markEvery = 4 << 10

// index finds the lines and, if one is long, the marks.
func (f *File) index() {
	f.once.Do(func() {
		f.lines = lineStarts(f.Src)
		long := false
		for i, start := range f.lines {
			end := len(f.Src)
			if i+1 < len(f.lines) {
				end = int(f.lines[i+1])
			}
			long = long || end-int(start) > markEvery
		}
		if !long {
			return
		}
		count := 0
		for at := 0; at < len(f.Src); at += markEvery {
			f.marks = append(f.marks, int32(count))
			count += runeStarts(f.Src[at:min(at+markEvery, len(f.Src))])
		}
		f.marks = append(f.marks, int32(count))
	})
}

// characters counts those in front of an offset of a file that has marks.
func (f *File) characters(off int) int {
	before, rest := f.marked(off)
	return before + runeStarts(rest)
}

// marked are the characters up to the last mark, and the text from there to the offset.
func (f *File) marked(off int) (before int, rest string) {
	mark := off / markEvery
	return int(f.marks[mark]), f.Src[mark*markEvery : off]
}

// runeStarts counts the characters of a piece that may begin or end within one.
func runeStarts(s string) int {
	n := 0
	for i := range len(s) {
		if utf8.RuneStart(s[i]) {
			n++
		}
	}
	return n
}

// Line is the text of a line, counted from 1.
func (f *File) Line(line int) string {
	start, end := f.lineBounds(line)
	return strings.TrimRight(f.Src[start:end], "\r\n")
}

func (f *File) lineBounds(line int) (start, end int) {
	f.index()
	if line < 1 || line > len(f.lines) {
		return 0, 0
	}
	end = len(f.Src)
	if line < len(f.lines) {
		end = int(f.lines[line])
	}
	return int(f.lines[line-1]), end
}

// excerptReach is how many bytes of a long line are shown on either side of a place.
const excerptReach = 512

// Excerpt is the line that a place starts on. Of a long one it is the part around the place, behind
// so many characters that are left out.
func (f *File) Excerpt(s Span) (text string, skipped int) {
	start, end := f.lineBounds(s.Line)
	at := min(max(s.Start, start), end)
	if from := at - excerptReach; from > start {
		for !utf8.RuneStart(f.Src[from]) {
			from++
		}
		start = from
		_, column := f.position(from)
		skipped = column - 1
	}
	if to := at + excerptReach; to < end {
		for !utf8.RuneStart(f.Src[to]) {
			to--
		}
		end = to
	}
	return strings.TrimRight(f.Src[start:end], "\r\n"), skipped
}
