package manifest

import "strings"

// flow reads quoted scalars and flow collections on one line, for the fast path.
type flow struct {
	*fast
	text string
	i    int
}

func (p *flow) space() {
	for p.i < len(p.text) && p.text[p.i] == ' ' {
		p.i++
	}
}

// peek is the next byte after spaces; a flow value must not end with its line.
func (p *flow) peek() byte {
	p.space()
	if p.i >= len(p.text) {
		p.bail()
	}
	return p.text[p.i]
}

func (p *flow) offset() int32 { return int32(p.base + p.at + p.i) }

func (p *flow) value(n *Node, depth int) {
	if depth > maxDepth {
		p.bail()
	}
	c := p.peek()
	n.off = p.offset()
	switch c {
	case '"', '\'':
		n.Kind, n.Style, n.Value = Scalar, Quoted, p.quoted(c)
	case '[':
		n.Kind, n.Style = List, Flow
		p.items(n, ']', depth, func(*Node) {})
	case '{':
		n.Kind, n.Style = Map, Flow
		var keys keys
		p.items(n, '}', depth, func(item *Node) { p.key(n, item, &keys) })
	default:
		s := p.plainItem()
		if isNull(s) {
			n.Kind = Null
		} else {
			n.Kind, n.Value = Scalar, s
		}
	}
	n.end = p.offset()
}

func (p *flow) items(n *Node, shut byte, depth int, before func(*Node)) {
	p.i++
	last := &n.child
	for p.peek() != shut {
		item := p.arena.node()
		item.keyOff = -1
		before(item)
		*last, last = item, &item.next
		p.value(item, depth+1)
		if p.peek() == ',' {
			p.i++
			continue
		}
		if p.peek() != shut {
			p.bail()
		}
	}
	p.i++
}

func (p *flow) key(parent, item *Node, keys *keys) {
	c := p.peek()
	item.keyOff = p.offset()
	if c == '"' || c == '\'' {
		item.Key = p.quoted(c)
	} else {
		item.Key = p.plainItem()
	}
	if item.Key == "" || c != '"' && c != '\'' && isNull(item.Key) || item.Key == "<<" {
		p.bail()
	}
	if !keys.add(parent, item.Key) {
		p.bail()
	}
	if p.i >= len(p.text) || p.text[p.i] != ':' {
		p.bail()
	}
	p.i++
	if p.i < len(p.text) && p.text[p.i] != ' ' {
		p.bail()
	}
}

// quoted reads a quoted scalar without escapes other than a backslash before
// a quote, a backslash, n or t.
func (p *flow) quoted(q byte) string {
	p.i++
	start := p.i
	for p.i < len(p.text) {
		switch c := p.text[p.i]; {
		case c == '\\' && q == '"':
			return p.escaped(start)
		case c == q && q == '\'' && p.i+1 < len(p.text) && p.text[p.i+1] == '\'':
			p.bail()
		case c == q:
			p.i++
			return p.text[start : p.i-1]
		}
		p.i++
	}
	p.bail()
	return ""
}

func (p *flow) escaped(start int) string {
	b := append([]byte(nil), p.text[start:p.i]...)
	for p.i < len(p.text) {
		c := p.text[p.i]
		p.i++
		if c == '"' {
			return string(b)
		}
		if c == '\\' {
			if p.i >= len(p.text) {
				p.bail()
			}
			switch p.text[p.i] {
			case '"', '\\':
				c = p.text[p.i]
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			default:
				p.bail()
			}
			p.i++
		}
		b = append(b, c)
	}
	p.bail()
	return ""
}

// plainItem reads a plain scalar within a flow collection. What could be
// read in two ways (a colon, a hash) is left to the full parser.
func (p *flow) plainItem() string {
	start := p.i
	if start < len(p.text) && (!plainStart(p.text[start:]) || p.text[start] == '-' || p.text[start] == ':') {
		p.bail()
	}
	for p.i < len(p.text) && strings.IndexByte(",[]{}", p.text[p.i]) < 0 {
		switch p.text[p.i] {
		case '#', '"', '\'', '?':
			p.bail()
		case ':':
			if p.i+1 == len(p.text) || strings.IndexByte(" ,[]{}", p.text[p.i+1]) >= 0 {
				return strings.TrimRight(p.text[start:p.i], " ")
			}
			p.bail()
		}
		p.i++
	}
	s := strings.TrimRight(p.text[start:p.i], " ")
	p.i = start + len(s)
	if s == "" {
		p.bail()
	}
	return s
}
