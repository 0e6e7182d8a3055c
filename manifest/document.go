package manifest

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"
)

// document is the text between two markers.
type document struct {
	off, line int
	text      string
	fast      bool // the marker's line holds nothing else
}

// split cuts a file at its document markers. No YAML value can hold a line
// that starts with one, so one broken document leaves the others readable.
func split(src string) iter.Seq[document] {
	return func(yield func(document) bool) {
		start, startLine, fast := 0, 1, true
		if strings.HasPrefix(src, bom) {
			start = len(bom)
		}
		loneCR := strings.Count(src, "\r") > strings.Count(src, "\r\n")
		line := 1
		for pos := start; pos < len(src); line++ {
			next := nextLine(src, pos, loneCR)
			if rest, marker := afterMarker(src[pos:next]); marker {
				if !yield(document{start, startLine, src[start:pos], fast}) {
					return
				}
				if fast = rest == "" || rest[0] == '#'; fast {
					start, startLine = next, line+1
				} else {
					start, startLine = pos, line
				}
			}
			pos = next
		}
		yield(document{start, startLine, src[start:], fast})
	}
}

// nextLine is where the line behind pos starts.
func nextLine(src string, pos int, loneCR bool) int {
	ends := "\n"
	if loneCR {
		ends = "\r\n"
	}
	i := strings.IndexAny(src[pos:], ends)
	switch {
	case i < 0:
		return len(src)
	case strings.HasPrefix(src[pos+i:], "\r\n"):
		i++
	}
	return pos + i + 1
}

// afterMarker is what follows a marker on its line.
func afterMarker(line string) (rest string, marker bool) {
	if len(line) < 3 || line[:3] != "---" && line[:3] != "..." {
		return "", false
	}
	rest = strings.TrimRight(line[3:], "\r\n")
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return "", false
	}
	return strings.TrimLeft(rest, " \t"), true
}

// reading is what was read of a document: a nil root without an error is an empty one.
type reading struct {
	root      *Node
	overruled []*Node // values whose key is set again after them
	err       error
}

// documents ranges over all documents of a file, with what they say.
func documents(src string, a *arena) iter.Seq2[document, reading] {
	return func(yield func(document, reading) bool) {
		for d := range split(src) {
			if !d.read(a, yield) {
				return
			}
		}
	}
}

// read yields the document, or each of those that a JSON stream holds.
func (d document) read(a *arena, yield func(document, reading) bool) bool {
	if err := tooMany(d.text, maxValues); err != nil {
		return yield(d, reading{err: err})
	}
	if d.fast {
		if root, ok := parseFast(d.text, d.off, a); ok {
			return yield(d, reading{root: root})
		}
	}
	parts := d.stream()
	if parts == nil {
		root, overruled, ok, err := readJSON(d.text, d.off, a)
		if !ok {
			root, overruled, err = readSlow(d.text, d.off, a)
		}
		return yield(d, reading{root, overruled, err})
	}
	for _, part := range parts {
		if !part.read(a, func(d document, r reading) bool {
			if r.err == nil && r.root != nil && r.root.Kind != Map {
				r.err = errBehind(1)
			}
			return yield(d, r)
		}) {
			return false
		}
	}
	return true
}

// texts ranges over the texts of a file's documents.
func (f *File) texts() iter.Seq[document] {
	return func(yield func(document) bool) {
		for d := range split(f.Src) {
			parts := d.stream()
			if parts == nil {
				parts = []document{d}
			}
			for _, part := range parts {
				if !yield(part) {
					return
				}
			}
		}
	}
}

// stream cuts a text at its JSON objects as kubectl does, nil if it is a single document. A file that
// starts with a brace is read by a JSON decoder, object by object; only where that stops does YAML go on.
func (d document) stream() []document {
	if d.off > 0 || !strings.HasPrefix(strings.TrimLeft(d.text, jsonSpace), "{") {
		return nil
	}
	var parts []document
	start, line := 0, d.line
	cut := func(end int) {
		parts = append(parts, document{d.off + start, line, d.text[start:end], true})
		line += strings.Count(d.text[start:end], "\n")
		start = end
	}
	decoder := json.NewDecoder(strings.NewReader(d.text))
	var object json.RawMessage
	for {
		switch err := decoder.Decode(&object); {
		case err == nil:
		case len(parts) == 0:
			return nil
		default:
			if !errors.Is(err, io.EOF) {
				cut(len(d.text))
			}
			if len(parts) == 1 {
				return nil
			}
			return parts
		}
		end := int(decoder.InputOffset())
		cut(end + blank(d.text[end:]))
	}
}

// blank is the length of the white space up to the end of its first line.
func blank(text string) int {
	n := len(text) - len(strings.TrimLeft(text, jsonSpace))
	if i := strings.IndexByte(text[:n], '\n'); i >= 0 {
		return i + 1
	}
	return n
}

func errBehind(line int) error {
	return &problemAt{line, "text behind the end of the document, which kubectl leaves out or refuses; put a line with --- between two documents"}
}
