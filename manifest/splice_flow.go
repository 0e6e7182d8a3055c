package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

func (w *writer) insertFlow(parent *Node, e Edit) (splice, error) {
	if !parent.Located() || parent.Kind != Map {
		return splice{}, errPlace
	}
	text, err := w.flowEntry(e)
	if err != nil {
		return splice{}, err
	}
	if parent.child == nil {
		at := int(parent.end) - 1
		return splice{start: at, end: at, text: text}, nil
	}
	last := parent.last()
	at := w.textEnd(last)
	if at < 0 || last.keyOff < 0 {
		return splice{}, errPlace
	}
	if indent, first := w.indentBefore(int(last.keyOff)); first {
		return splice{start: at, end: at, text: "," + w.newline() + indent + text}, nil
	}
	return splice{start: at, end: at, text: w.comma() + text}, nil
}

// removeFlow takes an entry and the comma that parts it from its neighbour.
func (w *writer) removeFlow(parent, n *Node) (splice, error) {
	end := w.textEnd(n)
	if n.keyOff < 0 || end < 0 {
		return splice{}, errPlace
	}
	if n.next != nil {
		if n.next.keyOff < 0 {
			return splice{}, errPlace
		}
		return splice{start: int(n.keyOff), end: int(n.next.keyOff)}, nil
	}
	if n == parent.child {
		return splice{start: int(n.keyOff), end: end}, nil
	}
	before := parent.child
	for before.next != n {
		before = before.next
	}
	start := w.textEnd(before)
	if start < 0 {
		return splice{}, errPlace
	}
	return splice{start: start, end: end}, nil
}

// flowEntry is the key and value as they stand within braces.
func (w *writer) flowEntry(e Edit) (string, error) {
	value, err := fragment(e.text)
	if err != nil {
		return "", err
	}
	if !w.json {
		return e.key + ": " + value.String(), nil
	}
	return quoteJSON(e.key) + w.between() + w.value(value), nil
}

// value is a tree in the document's way of writing JSON.
func (w *writer) value(n *Node) string {
	var b strings.Builder
	n.writeFlow(&b, scalarJSON, w.between(), w.comma())
	return b.String()
}

func (w *writer) between() string { return ":" + w.space() }
func (w *writer) comma() string   { return "," + w.space() }

// space is what a minified text leaves out.
func (w *writer) space() string {
	if w.look(); w.json && w.packed {
		return ""
	}
	return " "
}

// scalarJSON is a scalar as JSON: numbers, true and false as they are written.
func scalarJSON(n *Node) string {
	if n.Style == Plain && json.Valid([]byte(n.Value)) {
		return n.Value
	}
	return quoteJSON(n.Value)
}

func quoteJSON(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always can be written
	quoted := strings.TrimSuffix(b.String(), "\n")
	if strings.IndexFunc(quoted, unprintable) < 0 {
		return quoted
	}
	var out strings.Builder
	for _, r := range quoted {
		if unprintable(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// unprintable tells the characters that JSON may write as they are, and YAML may not.
func unprintable(r rune) bool {
	return r >= 0x7f && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff
}
