package manifest

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// File is one input and the objects found in it.
type File struct {
	Path    string // as it was named or found; "-" for standard input
	Src     string
	Objects []*Object

	// Rendered marks a template's output, which is on no disk. It is not edited, and its lines are
	// looked for in the template.
	Rendered bool
	Template string
	Pieces   []Piece // of a text that was joined from several files

	Overruled []*Node // values that do not count, because their key is set again after them

	docs   []*Node // every document, ours or not
	broken bool    // a part could not be read

	once  sync.Once
	lines []int32
}

// Piece says which file the lines of a rendered text come from, from a line on.
type Piece struct {
	Line   int
	Path   string
	Source *File // nil if it was not read
}

// Origin is the file, and the line in it, that a rendered line comes from; line 0 if that is
// unclear.
func (f *File) Origin(rendered int) (path string, line int) {
	p := f.piece(rendered)
	switch {
	case p == nil:
		return f.Path, lineIn(f.Template, f.Line(rendered))
	case p.Source == nil:
		return p.Path, 0
	}
	return p.Path, lineIn(p.Source.Src, f.Line(rendered))
}

// Problem is an input, or a part of one, that could not be read.
type Problem struct {
	Path string
	Line int // 0 when the file as a whole is meant
	Text string
}

func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.Path, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Text)
}

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
	f.once.Do(func() { f.lines = lineStarts(f.Src) })
	line, _ = slices.BinarySearch(f.lines, int32(off)+1)
	return line, utf8.RuneCountInString(f.Src[f.lines[line-1]:off]) + 1
}

// Line is the text of a line, counted from 1.
func (f *File) Line(line int) string {
	f.once.Do(func() { f.lines = lineStarts(f.Src) })
	if line < 1 || line > len(f.lines) {
		return ""
	}
	end := len(f.Src)
	if line < len(f.lines) {
		end = int(f.lines[line])
	}
	return strings.TrimRight(f.Src[f.lines[line-1]:end], "\r\n")
}

// lineIn is the line of a template that looks like a rendered one, 0 if none or several do.
func lineIn(template, rendered string) int {
	want, found := strings.TrimSpace(rendered), 0
	number := 0
	for line := range strings.Lines(template) {
		number++
		if want == "" || strings.TrimSpace(line) != want {
			continue
		}
		if found > 0 {
			return 0
		}
		found = number
	}
	return found
}

// Parse reads a file's documents. What cannot be read is a Problem; the other
// documents are still there.
func Parse(path, src string) (*File, []Problem) {
	return parse(path, src, &arena{})
}

func parse(path, src string, a *arena) (*File, []Problem) {
	f := &File{Path: path, Src: src}
	if text := encoding(src); text != "" {
		return f, []Problem{{Path: path, Text: text}}
	}
	var problems []Problem
	for d, read := range documents(src, a) {
		f.Overruled = append(f.Overruled, read.overruled...)
		if err := read.err; err != nil {
			p := Problem{Path: path, Line: d.line, Text: err.Error()}
			if at := (*problemAt)(nil); errors.As(err, &at) {
				p.Line, p.Text = d.line+at.line-1, at.text
			}
			problems = append(problems, p)
			f.broken = true
			continue
		}
		f.docs = append(f.docs, read.root)
		problems = append(problems, f.add(read.root)...)
	}
	return f, problems
}

const bom = "\ufeff"

// encoding names what is not UTF-8 text, "" if all is well.
func encoding(src string) string {
	switch {
	case strings.HasPrefix(src, "\xff\xfe"), strings.HasPrefix(src, "\xfe\xff"),
		len(src) > 3 && (src[0] == 0 && src[1] != 0 || src[0] != 0 && src[1] == 0):
		return "written in UTF-16 or UTF-32; save it as UTF-8"
	case strings.IndexByte(src, 0) >= 0:
		return "holds NUL bytes; not a text file"
	case !utf8.ValidString(src):
		return "not valid UTF-8; save it as UTF-8"
	}
	return ""
}

// Documents ranges over the documents in a value's text. Those that can't be read, and empty ones,
// are left out.
func Documents(text string) iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for _, read := range documents(text, &arena{}) {
			if read.err == nil && read.root != nil && !yield(read.root) {
				return
			}
		}
	}
}

// ParseValue reads YAML inside a value, such as an annotation's. Its nodes have no place in the
// file.
func ParseValue(text string) (*Node, error) {
	if root, _, ok, err := readJSON(text, 0, &arena{}); ok {
		return root, err
	}
	return parseSlow(text, 0, &arena{})
}
