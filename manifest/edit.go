package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Edit is a change of one place of a file. Everything else stays byte for
// byte: comments, order, quotes, line ends.
type Edit struct {
	kind editKind
	node *Node
	key  string
	text string

	*step
}

// step is what an edit of Change needs beside the rest.
type step struct {
	writer *writer
	parent *Node
	last   *Node   // of a run that starts with the edit's node
	want   *Node   // what the node shall say
	more   []*Node // what is added behind the node
	place  *splice // where the edit is made, once that is known
}

type editKind uint8

const (
	replace editKind = iota
	prefix
	insert
	insertBefore
	rewrite
	remove
	appendDocument
	set
	add
	cut
)

// Replace puts another text, written as YAML, in place of a one-line scalar or
// of nothing.
func Replace(n *Node, text string) Edit { return Edit{kind: replace, node: n, text: text} }

// Prefix puts text in front of a scalar's own, within its quotes or block.
func Prefix(n *Node, text string) Edit { return Edit{kind: prefix, node: n, text: text} }

// Insert adds a key to a map. The value is YAML in block style, without
// indent of its own.
func Insert(parent *Node, key, value string) Edit {
	return Edit{kind: insert, node: parent, key: key, text: value}
}

// InsertBefore adds a key to a map in front of one that is there.
func InsertBefore(sibling *Node, key, value string) Edit {
	return Edit{kind: insertBefore, node: sibling, key: key, text: value}
}

// Rewrite puts another entry, key and value, in place of an entry of a map.
// The value is as for Insert.
func Rewrite(n *Node, key, value string) Edit {
	return Edit{kind: rewrite, node: n, key: key, text: value}
}

// Remove takes an entry out of a map: of a block map with the lines that it
// stands on, of one in braces with its comma.
func Remove(n *Node) Edit { return Edit{kind: remove, node: n} }

// AppendDocument adds a document at the end of a file.
func AppendDocument(text string) Edit { return Edit{kind: appendDocument, text: text} }

// Put replaces the value of a key, or adds the key where it is not.
func Put(parent *Node, key, value string) Edit {
	if n := parent.Get(key); n != nil {
		return Replace(n, value)
	}
	return Insert(parent, key, value)
}

// splice is an edit in terms of bytes. Of two insertions at one place the one
// that is indented deeper comes first: it belongs to what ends there.
type splice struct {
	start, end int
	text       string
	indent     int
}

var errPlace = errors.New("the place cannot be edited safely (an alias, a tag, or a style that spans lines); edit it by hand")

var errAppend = errors.New("no document is added to a JSON file; put it in a file of its own")

var errPlaceholder = errors.New("a placeholder stands there, or a text in place of a number: its value is not known; edit it by hand")

// Editable reports whether the edits' places are known well enough.
func Editable(f *File, edits []Edit) bool {
	if len(edits) == 0 || f.broken || f.Rendered {
		return false
	}
	for _, e := range edits {
		if _, err := e.splice(f); err != nil {
			return false
		}
	}
	return true
}

// Apply makes the edits and proves the result: it is parsed again, and must
// say what the edited tree says, in every document. JSON stays JSON.
func Apply(f *File, edits []Edit) (string, error) {
	if f.broken {
		return "", errBroken
	}
	text, err := f.write(edits)
	if err != nil {
		return "", err
	}
	want, err := meant(f, edits)
	if err != nil {
		return "", err
	}
	after, err := f.after(text)
	if err != nil {
		return "", err
	}
	return text, after.says(want)
}

// write makes the edits in the text.
func (f *File) write(edits []Edit) (string, error) {
	splices := make([]splice, 0, len(edits))
	for _, e := range edits {
		s, err := e.splice(f)
		if err != nil {
			return "", err
		}
		splices = append(splices, s)
	}
	slices.SortStableFunc(splices, func(a, b splice) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(b.indent, a.indent))
	})
	var out strings.Builder
	at := 0
	for i, s := range splices {
		if s.start < at || i > 0 && s.start == splices[i-1].start && s.indent == splices[i-1].indent {
			return "", errors.New("two edits of one place")
		}
		out.WriteString(f.Src[at:s.start])
		out.WriteString(s.text)
		at = s.end
	}
	out.WriteString(f.Src[at:])
	return out.String(), nil
}

// meant are the documents that the edits lead to.
func meant(f *File, edits []Edit) ([]*Node, error) {
	var want []*Node
	for _, root := range f.docs {
		expected, err := edited(root, edits)
		if err != nil {
			return nil, err
		}
		want = append(want, expected)
	}
	for _, e := range edits {
		if e.kind == appendDocument {
			root, err := parseSlow(e.text, 0, &arena{})
			if err != nil {
				return nil, err
			}
			want = append(want, root)
		}
	}
	return want, nil
}

// after parses the edited text of a file.
func (f *File) after(text string) (*File, error) {
	if isJSON(f.Src) && !isJSON(text) {
		return nil, errors.New("the edited text would be no JSON any more; edit it by hand")
	}
	after, problems := Parse(f.Path, text)
	if len(problems) > 0 {
		return nil, fmt.Errorf("the edited text would not be readable: %w", problems[0])
	}
	return after, nil
}

// says is an error unless the file says what is meant, in every document.
func (f *File) says(want []*Node) error {
	empty := func(n *Node) bool { return !n.Set() }
	want = slices.DeleteFunc(slices.Clone(want), empty)
	got := slices.DeleteFunc(slices.Clone(f.docs), empty)
	if !slices.EqualFunc(want, got, Equal) {
		return errors.New("the edited text would say something else than meant; edit it by hand")
	}
	return nil
}

// edited is the tree after the edits, as it is meant.
func edited(n *Node, edits []Edit) (*Node, error) {
	if n == nil {
		return nil, nil
	}
	out := *n
	out.child, out.next = nil, nil
	last := &out.child
	add := func(c *Node) { *last, last = c, &c.next }
	for c := range n.All() {
		if slices.ContainsFunc(edits, func(e Edit) bool { return e.kind == remove && e.node == c }) {
			continue
		}
		for _, e := range edits {
			if e.kind == insertBefore && e.node == c {
				value, err := fragment(e.text)
				if err != nil {
					return nil, err
				}
				value.Key = e.key
				add(value)
			}
		}
		copied, err := edited(c, edits)
		if err != nil {
			return nil, err
		}
		add(copied)
	}
	for _, e := range edits {
		if e.node != n {
			continue
		}
		switch e.kind {
		case prefix:
			out.Value = e.text + out.Value
		case replace, insert, rewrite:
			value, err := fragment(e.text)
			if err != nil {
				return nil, err
			}
			if e.kind == insert {
				value.Key = e.key
				add(value)
				continue
			}
			out.Kind, out.Value, out.Style = value.Kind, value.Value, value.Style
			if e.kind == rewrite {
				out.Key, out.child = e.key, value.child
			}
		}
	}
	return &out, nil
}

func fragment(text string) (*Node, error) {
	root, err := parseSlow(text, 0, &arena{})
	if err != nil {
		return nil, fmt.Errorf("the inserted text: %w", err)
	}
	if root == nil {
		root = &Node{}
	}
	return root, nil
}

// Overlap reports whether an edit touches what one of the others does.
func Overlap(e Edit, others []Edit) bool {
	return slices.ContainsFunc(others, func(o Edit) bool {
		if e.kind == appendDocument || o.kind == appendDocument {
			return e.kind == o.kind
		}
		return e.node == o.node
	})
}
