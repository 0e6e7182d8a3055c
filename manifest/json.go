package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// jsonText reads a document that is JSON as JSON, where the fast path did not: YAML's scanner refuses
// some of what JSON allows (\/, surrogate pairs, tabs), and reads some in another way.
type jsonText struct {
	src       string // valid JSON
	base      int
	i         int
	arena     *arena
	overruled []*Node // values whose key is set again after them
}

// readJSON reports with ok whether a document is JSON at all.
func readJSON(src string, base int, a *arena) (root *Node, overruled []*Node, ok bool, err error) {
	start := len(src) - len(strings.TrimLeft(src, jsonSpace))
	if start == len(src) || src[start] != '{' && src[start] != '[' || !json.Valid([]byte(src)) {
		return nil, nil, false, nil
	}
	r := &jsonText{src: src, base: base, i: start, arena: a}
	root = a.node()
	root.keyOff = -1
	if err := r.value(root, 0); err != nil {
		return nil, nil, true, err
	}
	return root, r.overruled, true, nil
}

const jsonSpace = " \t\r\n"

// next is the byte behind white space.
func (r *jsonText) next() byte {
	for strings.IndexByte(jsonSpace, r.src[r.i]) >= 0 {
		r.i++
	}
	return r.src[r.i]
}

func (r *jsonText) value(n *Node, depth int) error {
	c := r.next()
	if depth > maxDepth {
		return &problemAt{1 + strings.Count(r.src[:r.i], "\n"), fmt.Sprintf("nested more than %d levels deep", maxDepth)}
	}
	n.off = int32(r.base + r.i)
	var err error
	switch c {
	case '{':
		n.Kind, n.Style = Map, Flow
		err = r.items(n, '}', depth)
	case '[':
		n.Kind, n.Style = List, Flow
		err = r.items(n, ']', depth)
	case '"':
		n.Kind, n.Style, n.Value = Scalar, Quoted, r.text()
	default:
		start := r.i
		for r.i < len(r.src) && strings.IndexByte(jsonSpace+",]}", r.src[r.i]) < 0 {
			r.i++
		}
		if s := r.src[start:r.i]; s != "null" {
			n.Kind, n.Value = Scalar, s
		}
	}
	n.end = int32(r.base + r.i)
	return err
}

func (r *jsonText) items(n *Node, shut byte, depth int) error {
	r.i++
	last, twice := &n.child, false
	var keys keys
	for r.next() != shut {
		if r.src[r.i] == ',' {
			r.i++
			r.next()
		}
		item := r.arena.node()
		item.keyOff = -1
		if n.Kind == Map {
			item.keyOff = int32(r.base + r.i)
			item.Key = r.text()
			r.next()
			r.i++ // the colon
			twice = !keys.add(n, item.Key) || twice
		}
		*last, last = item, &item.next
		if err := r.value(item, depth+1); err != nil {
			return err
		}
	}
	r.i++
	if twice {
		r.lastCounts(n)
	}
	return nil
}

// text reads a string.
func (r *jsonText) text() string {
	start := r.i
	r.i = quotedEnd(r.src, start)
	raw := r.src[start:r.i]
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	_ = json.Unmarshal([]byte(raw), &s) // valid JSON
	return s
}

// lastCounts leaves of equal keys the last, as it counts for kubectl.
func (r *jsonText) lastCounts(n *Node) {
	counts := map[string]*Node{}
	for c := range n.All() {
		counts[c.Key] = c
	}
	last := &n.child
	for c := n.child; c != nil; c = c.next {
		if counts[c.Key] == c {
			*last, last = c, &c.next
		} else {
			r.overruled = append(r.overruled, c)
		}
	}
	*last = nil
}

// isJSON reports whether a text is JSON: one value, or several one after the other.
func isJSON(text string) bool {
	if json.Valid([]byte(text)) {
		return true
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	var value json.RawMessage
	for read := false; ; read = true {
		if err := decoder.Decode(&value); err != nil {
			return read && errors.Is(err, io.EOF)
		}
	}
}
