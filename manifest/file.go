package manifest

import (
	"errors"
	"fmt"
	"iter"
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

	docs   []*Node // every document, ours or not
	broken bool    // a part could not be read

	once  sync.Once
	lines []int32
	marks []int32 // of a file with long lines

	rooted sync.Once
	roots  []*Node  // the documents that say something
	wide   sync.Map // the children of nodes that have many

	looked    sync.Once
	lineBreak string
	packed    bool // no colon of JSON has a space behind it
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
		known := len(f.Objects)
		problems = append(problems, f.add(read.root)...)
		overrule(f.Objects[known:], read.overruled)
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
	if err := tooMany(text, maxValues); err != nil {
		return nil, err
	}
	if root, _, ok, err := readJSON(text, 0, &arena{}); ok {
		return root, err
	}
	return parseSlow(text, 0, &arena{})
}
