package manifest

import (
	"bytes"
	"encoding/json"
	"strings"
)

func (w writer) insertFlow(parent *Node, e Edit) (splice, error) {
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
	at := textEnd(last)
	if at < 0 || last.keyOff < 0 {
		return splice{}, errPlace
	}
	if indent, first := w.indentBefore(int(last.keyOff)); first {
		return splice{start: at, end: at, text: "," + w.newline() + indent + text}, nil
	}
	return splice{start: at, end: at, text: w.comma() + text}, nil
}

// removeFlow takes an entry and the comma that parts it from its neighbour.
func (w writer) removeFlow(parent, n *Node) (splice, error) {
	end := textEnd(n)
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
	start := textEnd(before)
	if start < 0 {
		return splice{}, errPlace
	}
	return splice{start: start, end: end}, nil
}

// flowEntry is the key and value as they stand within braces.
func (w writer) flowEntry(e Edit) (string, error) {
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
func (w writer) value(n *Node) string {
	var b strings.Builder
	n.writeJSON(&b, w.between(), w.comma())
	return b.String()
}

func (w writer) between() string { return ":" + w.space() }
func (w writer) comma() string   { return "," + w.space() }

// space is what a minified text leaves out.
func (w writer) space() string {
	if w.json && !strings.Contains(w.Src, `": `) {
		return ""
	}
	return " "
}

func (n *Node) writeJSON(b *strings.Builder, colon, comma string) {
	switch {
	case n == nil || n.Kind == Null:
		b.WriteString("null")
	case n.Kind == Scalar && n.Style == Plain && json.Valid([]byte(n.Value)):
		b.WriteString(n.Value)
	case n.Kind == Scalar:
		b.WriteString(quoteJSON(n.Value))
	default:
		open, shut := byte('{'), byte('}')
		if n.Kind == List {
			open, shut = '[', ']'
		}
		b.WriteByte(open)
		for c := range n.All() {
			if c != n.child {
				b.WriteString(comma)
			}
			if n.Kind == Map {
				b.WriteString(quoteJSON(c.Key) + colon)
			}
			c.writeJSON(b, colon, comma)
		}
		b.WriteByte(shut)
	}
}

func quoteJSON(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always can be written
	return strings.TrimSuffix(b.String(), "\n")
}
