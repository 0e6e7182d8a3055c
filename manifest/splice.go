package manifest

import (
	"cmp"
	"slices"
	"strings"
)

// splice finds the bytes that an edit changes.
func (e Edit) splice(f *File) (splice, error) {
	n := e.node
	if e.step != nil && e.place != nil {
		return *e.place, nil
	}
	switch e.kind {
	case set:
		return e.writer.set(e)
	case add:
		return e.writer.add(e)
	case cut:
		return e.writer.cut(e)
	case appendDocument:
		if slices.ContainsFunc(f.docs, func(d *Node) bool { return d != nil && d.isJSON(f.Src) }) {
			return splice{}, errAppend
		}
		return splice{start: len(f.Src), end: len(f.Src), text: f.document(e.text)}, nil
	}
	if n == nil {
		return splice{}, errPlace
	}
	root, parent := f.around(n)
	if root == nil {
		return splice{}, errPlace
	}
	w := &writer{File: f, root: root, json: root.isJSON(f.Src)}
	switch e.kind {
	case insert:
		if n.Style == Flow {
			return w.insertFlow(n, e)
		}
		return w.insertBlock(n, e)
	case prefix:
		return w.prefix(n, e.text)
	case insertBefore:
		return w.insertBefore(parent, n, e)
	}
	if f.unfilled(n) {
		return splice{}, errPlaceholder
	}
	switch e.kind {
	case replace:
		return w.replace(n, e.text)
	case rewrite:
		return w.rewrite(parent, n, e)
	}
	if parent != nil && parent.Style == Flow {
		return w.removeFlow(parent, n)
	}
	return w.remove(n)
}

// around finds the document that a node's text stands in, and what holds the
// node. A node without a text of its own has neither.
func (f *File) around(n *Node) (root, parent *Node) {
	at := n.start()
	if at < 0 || n.shared {
		return nil, nil
	}
	f.rooted.Do(func() {
		f.roots = slices.DeleteFunc(slices.Clone(f.docs), func(d *Node) bool { return d == nil })
	})
	root = lastBefore(f.roots, at)
	for here := root; here != nil; {
		if here == n {
			return root, parent
		}
		here, parent = f.childAt(here, at), here
	}
	return nil, nil
}

// lastBefore is the last of nodes in the order of the text that starts at an offset or in front of it.
func lastBefore(nodes []*Node, at int32) *Node {
	i, _ := slices.BinarySearchFunc(nodes, at+1, func(n *Node, at int32) int { return cmp.Compare(n.start(), at) })
	if i == 0 {
		return nil
	}
	return nodes[i-1]
}

// fewChildren is how many are looked at one by one: a List may have thousands.
const fewChildren = 64

// childAt is the last child that starts at an offset or in front of it.
func (f *File) childAt(n *Node, at int32) *Node {
	if known, is := f.wide.Load(n); is {
		return lastBefore(known.([]*Node), at)
	}
	var found *Node
	count, last := 0, int32(0)
	inOrder := true
	for c := n.child; c != nil; c = c.next {
		if s := c.start(); s >= 0 && !c.shared {
			inOrder = inOrder && s >= last
			count, last = count+1, s
			if s <= at {
				found = c
			}
		}
	}
	if count > fewChildren && inOrder {
		children := make([]*Node, 0, count)
		for c := n.child; c != nil; c = c.next {
			if c.start() >= 0 && !c.shared {
				children = append(children, c)
			}
		}
		f.wide.Store(n, children)
	}
	return found
}

// start is where a node's text begins, with its key.
func (n *Node) start() int32 {
	if n.keyOff >= 0 {
		return n.keyOff
	}
	return n.off
}

func (n *Node) isJSON(src string) bool {
	return n.Style == Flow && (n.child == nil || n.Kind == List || n.child.keyOff >= 0 && src[n.child.keyOff] == '"')
}

// writer makes the bytes of edits in one document's way of writing.
type writer struct {
	*File
	root   *Node
	json   bool
	layout layout
}

// lineEnd is the offset of the line's end, before its newline.
func (f *File) lineEnd(off int) int {
	i := strings.IndexAny(f.Src[off:], "\r\n")
	if i < 0 {
		return len(f.Src)
	}
	return off + i
}

func (f *File) lineStart(off int) int {
	start := strings.LastIndexAny(f.Src[:off], "\r\n") + 1
	if start == 0 && strings.HasPrefix(f.Src, bom) {
		return len(bom)
	}
	return start
}

// newline is how the first line ends.
func (f *File) newline() string {
	f.look()
	return f.lineBreak
}

// look finds out how the file is written, once: a minified one is a single line.
func (f *File) look() {
	f.looked.Do(func() {
		f.lineBreak = cmp.Or(f.newlineAt(f.lineEnd(0)), "\n")
		f.packed = !strings.Contains(f.Src, `": `)
	})
}

func (f *File) newlineAt(off int) string {
	for _, nl := range []string{"\r\n", "\n", "\r"} {
		if strings.HasPrefix(f.Src[off:], nl) {
			return nl
		}
	}
	return ""
}

func (f *File) document(text string) string {
	nl := f.newline()
	lead := "---" + nl
	if f.Src != "" && f.lineStart(len(f.Src)) != len(f.Src) {
		lead = nl + lead
	}
	return lead + strings.ReplaceAll(text, "\n", nl)
}

// indentBefore is the white space before an offset, if there is nothing else on its line
// but dashes. It looks no further: a line may be all of a file.
func (f *File) indentBefore(off int) (lead string, first bool) {
	start := off
	for start > 0 && (f.Src[start-1] == ' ' || f.Src[start-1] == '-') {
		start--
	}
	if start > 0 && f.Src[start-1] != '\n' && f.Src[start-1] != '\r' && f.Src[:start] != bom {
		return "", false
	}
	return strings.Repeat(" ", off-start), true
}

func (w *writer) prefix(n *Node, text string) (splice, error) {
	if n.off < 0 || n.Kind != Scalar || w.json && n.Style != Quoted {
		return splice{}, errPlace
	}
	at := int(n.off)
	switch n.Style {
	case Block:
		at = w.lineEnd(at)
		at += len(w.Src[at:]) - len(strings.TrimLeft(w.Src[at:], " \r\n"))
	case Quoted:
		if w.Src[at] == '"' {
			text = strings.Trim(quoteJSON(text), `"`)
			if strings.HasSuffix(text, `\`) {
				text += `"`
			}
		} else {
			text = strings.ReplaceAll(text, "'", "''")
		}
		at++
	}
	return splice{start: at, end: at, text: text}, nil
}

// replace puts a value in place of a scalar, or behind the key that has none.
func (w *writer) replace(n *Node, text string) (splice, error) {
	if w.json {
		value, err := fragment(text)
		if err != nil {
			return splice{}, err
		}
		text = w.value(value)
	}
	switch {
	case n.Kind == Null && n.keyOff >= 0:
		at := w.colon(n) + 1
		if at == 0 {
			return splice{}, errPlace
		}
		rest := w.Src[at:w.lineEnd(at)]
		if said := strings.TrimLeft(rest, " "); n.Located() && n.end > n.off && strings.HasPrefix(said, w.Src[n.off:n.end]) {
			return splice{start: int(n.off), end: int(n.end), text: text}, nil
		}
		return splice{start: at, end: at, text: " " + text}, nil
	case !n.Located() || n.Kind != Scalar || n.Style == Block:
		return splice{}, errPlace
	}
	return splice{start: int(n.off), end: int(n.end), text: text}, nil
}

// colon is the offset of the colon behind a node's key, -1 if there is none.
func (f *File) colon(n *Node) int {
	at := int(n.keyOff)
	if at >= len(f.Src) { // of a key that is empty
		return -1
	}
	if q := f.Src[at]; q == '"' || q == '\'' {
		at = quotedEnd(f.Src, at)
	} else if strings.HasPrefix(f.Src[at:], n.Key) {
		at += len(n.Key)
	} else {
		return -1
	}
	if at < 0 {
		return -1
	}
	at += len(f.Src[at:]) - len(strings.TrimLeft(f.Src[at:], " "))
	if at >= len(f.Src) || f.Src[at] != ':' {
		return -1
	}
	return at
}

func (n *Node) last() *Node {
	c := n.child
	for c.next != nil {
		c = c.next
	}
	return c
}
