package manifest

import (
	"iter"
	"regexp"
	"strconv"
	"strings"
)

// Kind says what a node holds.
type Kind uint8

// The kinds of a node. A key without a value is a Null.
const (
	Null Kind = iota
	Scalar
	Map
	List
)

// Style says how a scalar or collection is written, as far as an edit or a
// typed reading of it needs to know.
type Style uint8

// The styles of a node.
const (
	Plain Style = iota
	Quoted
	Block // a scalar after | or >
	Flow  // a collection in [] or {}
)

// Node is one value of a document, and its place. The methods of a nil *Node answer as for an
// absent value.
type Node struct {
	Key   string // its key, when it is in a map
	Value string // the text of a scalar, without quotes

	next, child *Node

	// Byte offsets in the file; -1 where the text that a value came from
	// is not one piece (an alias, a merged key).
	keyOff, off, end int32

	Kind  Kind
	Style Style

	shared bool // an alias or a merged key repeats it: its place is that one's
}

// Get walks down by keys and returns the value there, or nil.
func (n *Node) Get(path ...string) *Node {
	for _, key := range path {
		if n == nil || n.Kind != Map {
			return nil
		}
		c := n.child
		for c != nil && c.Key != key {
			c = c.next
		}
		n = c
	}
	return n
}

// Next is the value behind this one in its map or list, or nil.
func (n *Node) Next() *Node { return n.next }

// Saying is a scalar of another key and value that stands where this one does.
func (n *Node) Saying(key, value string) *Node {
	return &Node{Key: key, Value: value, off: n.off, end: n.end, keyOff: n.keyOff, Kind: Scalar, Style: n.Style}
}

// All ranges over the values of a map or the items of a list, in order.
func (n *Node) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		if n == nil {
			return
		}
		for c := n.child; c != nil; c = c.next {
			if !yield(c) {
				return
			}
		}
	}
}

// Len counts the values of a map or list.
func (n *Node) Len() int {
	count := 0
	for range n.All() {
		count++
	}
	return count
}

// Index returns the i-th value of a map or list, or nil.
func (n *Node) Index(i int) *Node {
	for c := range n.All() {
		if i == 0 {
			return c
		}
		i--
	}
	return nil
}

// Set reports whether the value is there and not null.
func (n *Node) Set() bool { return n != nil && n.Kind != Null }

// Str is the text of a scalar, "" for anything else.
func (n *Node) Str() string {
	if n == nil || n.Kind != Scalar {
		return ""
	}
	return n.Value
}

// Strings are the scalars of a list.
func (n *Node) Strings() []string {
	if n == nil || n.Kind != List {
		return nil
	}
	out := make([]string, 0, n.Len())
	for c := range n.All() {
		out = append(out, c.Str())
	}
	return out
}

// Located reports whether the node's text is one known piece of the file,
// so that it can be edited.
func (n *Node) Located() bool { return n != nil && n.off >= 0 && n.end >= n.off }

// Equal compares two trees by what they say, not by where or how they are written, nor
// by the order of keys; null and "" are different.
func Equal(a, b *Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Value != b.Value || a.Key != b.Key {
		return false
	}
	if a.Kind == Scalar && (a.Style == Plain) != (b.Style == Plain) && !isWord(a.Value) && !isText(a.Value) {
		return false
	}
	x, y := a.child, b.child
	for x != nil && y != nil && x.Key == y.Key {
		if !Equal(x, y) {
			return false
		}
		x, y = x.next, y.next
	}
	if x == nil || y == nil {
		return x == nil && y == nil
	}
	return equalRest(x, y)
}

// equalRest compares the rest of two maps whose keys come in another order.
func equalRest(x, y *Node) bool {
	rest := map[string]*Node{}
	for ; x != nil; x = x.next {
		rest[x.Key] = x
	}
	for ; y != nil; y = y.next {
		if !Equal(rest[y.Key], y) {
			return false
		}
		delete(rest, y.Key)
	}
	return len(rest) == 0
}

// isWord reports whether every YAML reader takes a text for a string even
// without quotes.
func isWord(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || s[i] != '-' && s[i] != ' ' && (s[i] < '0' || s[i] > '9')) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return true
}

// isText is isWord for any text, by the rules of YAML 1.1 and 1.2.
func isText(s string) bool {
	return tagOf(s) == "!!str" && !isOldBool(s) && !base60.MatchString(s)
}

// base60 is what YAML 1.1 takes for a number, as in a port mapping.
var base60 = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$`)

// String writes the tree in one line, for messages and tests.
func (n *Node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *Node) write(b *strings.Builder) {
	n.writeFlow(b, func(n *Node) string {
		if n.Style == Plain {
			return n.Value
		}
		return strconv.Quote(n.Value)
	}, ": ", ", ")
}

// writeFlow writes the tree in braces and brackets, keys in quotes.
func (n *Node) writeFlow(b *strings.Builder, scalar func(*Node) string, colon, comma string) {
	switch {
	case n == nil || n.Kind == Null:
		b.WriteString("null")
	case n.Kind == Scalar:
		b.WriteString(scalar(n))
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
			c.writeFlow(b, scalar, colon, comma)
		}
		b.WriteByte(shut)
	}
}

// isNull tells how YAML writes a null.
func isNull(s string) bool {
	return s == "" || s == "~" || s == "null" || s == "Null" || s == "NULL"
}
