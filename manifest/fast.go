package manifest

import (
	"strings"
	"unicode/utf8"
)

// The fast path reads the part of YAML that manifests are written in: block
// maps and lists indented by spaces, scalars of one line, literal blocks,
// flow collections of one line, JSON. It is about twenty times as fast as the full
// parser because a value is a piece of the file and not a copy of it.
//
// It must never disagree with the full parser: on anything that it is not sure about (anchors,
// tags, escapes, tabs, folded text, a duplicate key, an error) it gives up, and the full parser
// reads the document. A fuzz test compares the two.

// maxDepth bounds recursion; no API type nests half as deep.
const maxDepth = 64

type fast struct {
	src   string
	pos   int // start of the next unread line
	base  int // offset of src in the file
	arena *arena

	// The line being read.
	indent int
	text   string // without indent, trailing spaces and comment
	at     int    // offset of text in src
	done   bool
}

// giveUp is panicked and recovered within parseFast.
type giveUp struct{}

// parseFast reads one document, or reports false.
func parseFast(src string, base int, a *arena) (root *Node, ok bool) {
	if !plainText(src) {
		return nil, false
	}
	f := &fast{src: src, base: base, arena: a}
	defer func() {
		if r := recover(); r != nil {
			if _, expected := r.(giveUp); !expected {
				panic(r)
			}
			root, ok = nil, false
		}
	}()
	f.advance()
	if f.done {
		return nil, true
	}
	if f.indent != 0 {
		return nil, false
	}
	root = f.arena.node()
	root.keyOff = -1
	if f.text[0] == '{' {
		p := &fastJSON{f, f.at}
		p.document(root)
		return root, true
	}
	f.block(root, 0, 0)
	if !f.done {
		return nil, false
	}
	return root, true
}

// plainText reports whether YAML takes every byte for what it is.
func plainText(s string) bool {
	ascii := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0x80:
			ascii = false
		case c < ' ' && c != '\n' && c != '\r', c == 0x7f:
			return false
		case c == '\r' && (i+1 == len(s) || s[i+1] != '\n'):
			return false
		}
	}
	if ascii {
		return true
	}
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		switch {
		case r == 0x85, r == 0x2028, r == 0x2029, r == 0xfeff, r >= 0x80 && r < 0xa0, r > 0xffff, r >= 0xfffe:
			return false
		}
	}
	return true
}

func (f *fast) bail() { panic(giveUp{}) }

// line returns the text of the line at pos without its end, and the start of
// the next.
func (f *fast) line(pos int) (text string, next int) {
	rest := f.src[pos:]
	i := strings.IndexByte(rest, '\n')
	if i < 0 {
		return rest, len(f.src)
	}
	next = pos + i + 1
	if i > 0 && rest[i-1] == '\r' {
		i--
	}
	return rest[:i], next
}

// advance reads the next line that is neither empty nor a comment.
func (f *fast) advance() {
	for f.pos < len(f.src) {
		start := f.pos
		text, next := f.line(start)
		f.pos = next
		i := 0
		for i < len(text) && text[i] == ' ' {
			i++
		}
		if i == len(text) || text[i] == '#' {
			continue
		}
		f.indent, f.text, f.at = i, text[i:], start+i
		return
	}
	f.done = true
}

// block reads the value that starts on the current line into n.
func (f *fast) block(n *Node, indent, depth int) {
	if depth > maxDepth {
		f.bail()
	}
	n.off = int32(f.base + f.at)
	if isDash(f.text) {
		f.list(n, indent, depth)
	} else {
		f.mapping(n, indent, depth)
	}
}

func isDash(s string) bool { return s[0] == '-' && (len(s) == 1 || s[1] == ' ') }

func (f *fast) list(n *Node, indent, depth int) {
	n.Kind = List
	last := &n.child
	for !f.done && f.indent == indent && isDash(f.text) {
		item := f.arena.node()
		item.keyOff = -1
		*last, last = item, &item.next

		skip := 1
		for skip < len(f.text) && f.text[skip] == ' ' {
			skip++
		}
		dash := f.at
		f.text, f.at = f.text[skip:], f.at+skip
		switch {
		case f.text == "" || f.text[0] == '#':
			f.advance()
			if !f.done && f.indent > indent {
				f.block(item, f.indent, depth+1)
			} else {
				item.off, item.end = int32(f.base+dash+1), int32(f.base+dash+1)
			}
		case isDash(f.text):
			f.bail()
		case f.keyEnd() >= 0:
			f.indent = indent + skip
			item.off = int32(f.base + f.at)
			if depth > maxDepth {
				f.bail()
			}
			f.mapping(item, f.indent, depth+1)
		default:
			f.scalar(item, indent, depth)
		}
		n.end = item.end
	}
	if !f.done && f.indent > indent {
		f.bail()
	}
}

// keyEnd finds the colon that ends the key at the start of the line, or -1.
func (f *fast) keyEnd() int {
	s := f.text
	switch s[0] {
	case '"', '\'':
		i := strings.IndexByte(s[1:], s[0])
		if i < 0 || strings.IndexByte(s[1:1+i], '\\') >= 0 {
			return -1
		}
		i += 2
		if i < len(s) && s[i] == ':' && (i+1 == len(s) || s[i+1] == ' ') {
			return i
		}
		return -1
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ':':
			if i+1 == len(s) || s[i+1] == ' ' {
				return i
			}
		case c == '#' && i > 0 && s[i-1] == ' ':
			return -1
		case c == '[' || c == '{' || c == '"' || c == '\'':
			if i == 0 {
				return -1
			}
		}
	}
	return -1
}

func (f *fast) mapping(n *Node, indent, depth int) {
	n.Kind = Map
	last := &n.child
	var keys keys
	for !f.done && f.indent == indent {
		if isDash(f.text) {
			break
		}
		i := f.keyEnd()
		if i <= 0 || i > 1000 {
			f.bail()
		}
		key := strings.TrimRight(f.text[:i], " ")
		if key[0] == '"' || key[0] == '\'' {
			if len(key) < 3 {
				f.bail()
			}
			key = key[1 : len(key)-1]
		} else if !plainStart(key) || isNull(key) || key == "<<" {
			f.bail()
		}
		if !keys.add(n, key) {
			f.bail()
		}
		v := f.arena.node()
		v.Key, v.keyOff = key, int32(f.base+f.at)
		*last, last = v, &v.next

		colon := f.at + i
		skip := i + 1
		for skip < len(f.text) && f.text[skip] == ' ' {
			skip++
		}
		f.text, f.at = f.text[skip:], f.at+skip
		if f.text == "" || f.text[0] == '#' {
			if f.text != "" && skip == i+1 {
				f.bail()
			}
			f.nested(v, colon, indent, depth)
		} else {
			f.scalar(v, indent, depth)
		}
		n.end = v.end
	}
	if !f.done && f.indent > indent {
		f.bail()
	}
}

// nested reads the value of a key from the following lines.
func (f *fast) nested(v *Node, colon, indent, depth int) {
	f.advance()
	if !f.done && (f.indent > indent || f.indent == indent && isDash(f.text)) {
		f.block(v, f.indent, depth+1)
		return
	}
	v.off, v.end = int32(f.base+colon+1), int32(f.base+colon+1)
}

// fewKeys is the number of keys up to which comparing each is faster than a table.
const fewKeys = 32

// keys are those of a map that is being read.
type keys struct {
	count int
	table map[string]bool
}

// add reports false for a key that the map has already.
func (k *keys) add(n *Node, key string) bool {
	if k.count++; k.count <= fewKeys {
		for c := n.child; c != nil; c = c.next {
			if c.Key == key {
				return false
			}
		}
		return true
	}
	if k.table == nil {
		k.table = make(map[string]bool, 2*k.count)
		for c := n.child; c != nil; c = c.next {
			k.table[c.Key] = true
		}
	}
	there := k.table[key]
	k.table[key] = true
	return !there
}
