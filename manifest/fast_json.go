package manifest

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// fastJSON reads a document that is one JSON object, as kubectl writes it, for the fast path. What
// is not JSON, and what YAML might read in another way, is left to the full parser.
type fastJSON struct {
	*fast
	i int // offset in src
}

// space skips the white space and line ends around a value.
func (p *fastJSON) space() {
	for p.i < len(p.src) && (p.src[p.i] == ' ' || p.src[p.i] == '\n' || p.src[p.i] == '\r') {
		p.i++
	}
}

// peek is the next byte that is not white space.
func (p *fastJSON) peek() byte {
	p.space()
	if p.i >= len(p.src) {
		p.bail()
	}
	return p.src[p.i]
}

// document reads the object and makes sure that nothing follows.
func (p *fastJSON) document(root *Node) {
	p.value(root, 0)
	p.space()
	if p.i < len(p.src) {
		p.bail()
	}
	p.done = true
}

func (p *fastJSON) value(n *Node, depth int) {
	if depth > maxDepth {
		p.bail()
	}
	n.off = int32(p.base + p.i)
	switch p.src[p.i] {
	case '{':
		n.Kind, n.Style = Map, Flow
		var keys keys
		p.items(n, '}', depth, func(item *Node) { p.key(n, item, &keys) })
	case '[':
		n.Kind, n.Style = List, Flow
		p.items(n, ']', depth, func(*Node) {})
	case '"':
		n.Kind, n.Style, n.Value = Scalar, Quoted, p.text()
	default:
		p.literal(n)
	}
	n.end = int32(p.base + p.i)
}

func (p *fastJSON) items(n *Node, shut byte, depth int, before func(*Node)) {
	p.i++
	if p.peek() == shut {
		p.i++
		return
	}
	last := &n.child
	for {
		item := p.arena.node()
		item.keyOff = -1
		before(item)
		*last, last = item, &item.next
		p.value(item, depth+1)
		c := p.peek()
		p.i++
		if c == shut {
			return
		}
		if c != ',' {
			p.bail()
		}
		p.peek()
	}
}

// key reads a key, its colon and the spaces up to the value on the same line.
func (p *fastJSON) key(parent, item *Node, keys *keys) {
	if p.src[p.i] != '"' {
		p.bail()
	}
	start := p.i
	item.keyOff = int32(p.base + p.i)
	item.Key = p.text()
	if item.Key == "" || item.Key == "<<" || p.i-start > 1000 || !keys.add(parent, item.Key) {
		p.bail()
	}
	if p.i >= len(p.src) || p.src[p.i] != ':' {
		p.bail()
	}
	p.i++
	for p.i < len(p.src) && p.src[p.i] == ' ' {
		p.i++
	}
	if p.i >= len(p.src) || p.src[p.i] == '\n' || p.src[p.i] == '\r' {
		p.bail()
	}
}

func (p *fastJSON) text() string {
	p.i++
	start := p.i
	for p.i < len(p.src) && p.src[p.i] >= ' ' {
		switch p.src[p.i] {
		case '"':
			p.i++
			return p.src[start : p.i-1]
		case '\\':
			return p.escaped(start)
		}
		p.i++
	}
	p.bail()
	return ""
}

func (p *fastJSON) escaped(start int) string {
	b := append([]byte(nil), p.src[start:p.i]...)
	for p.i+1 < len(p.src) && p.src[p.i] >= ' ' {
		c := p.src[p.i]
		p.i++
		switch c {
		case '"':
			return string(b)
		case '\\':
			b = p.escape(b)
		default:
			b = append(b, c)
		}
	}
	p.bail()
	return ""
}

func (p *fastJSON) escape(b []byte) []byte {
	c := p.src[p.i]
	p.i++
	switch c {
	case '"', '\\':
		return append(b, c)
	case 'n':
		return append(b, '\n')
	case 't':
		return append(b, '\t')
	case 'u':
		if p.i+4 <= len(p.src) {
			r, err := strconv.ParseUint(p.src[p.i:p.i+4], 16, 16)
			if err == nil && r >= ' ' && utf8.ValidRune(rune(r)) {
				p.i += 4
				return utf8.AppendRune(b, rune(r))
			}
		}
	}
	p.bail()
	return nil
}

// literal reads true, false, null or a number.
func (p *fastJSON) literal(n *Node) {
	start := p.i
	for p.i < len(p.src) && strings.IndexByte(" \r\n,]}", p.src[p.i]) < 0 {
		p.i++
	}
	switch s := p.src[start:p.i]; {
	case s == "null":
		n.Kind = Null
	case s == "true", s == "false", isNumber(s):
		n.Kind, n.Value = Scalar, s
	default:
		p.bail()
	}
}

func isNumber(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && strings.Trim(digits, "0123456789.") == "" && digits[0] != '.'
}
