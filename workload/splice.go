package workload

import "strings"

// splice finds the bytes that an edit changes.
func (e Edit) splice(f *File) (splice, error) {
	n := e.node
	if e.kind == appendDocument {
		return splice{start: len(f.Src), end: len(f.Src), text: f.document(e.text)}, nil
	}
	if n == nil {
		return splice{}, errPlace
	}
	switch e.kind {
	case replace:
		if !n.Located() || n.Kind != Scalar || n.Style == Block {
			return splice{}, errPlace
		}
		return splice{start: int(n.off), end: int(n.end), text: e.text}, nil
	case prefix:
		return f.prefix(n, e.text)
	case insert:
		if n.Style == Flow {
			return f.insertFlow(n, e)
		}
		return f.insertBlock(n, e)
	case insertBefore:
		return f.insertBefore(n, e)
	case rewrite:
		return f.rewrite(n, e)
	}
	return f.remove(n)
}

func (f *File) newline() string {
	if strings.Contains(f.Src, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// lineEnd is the offset of the line's end, before its newline.
func (f *File) lineEnd(off int) int {
	i := strings.IndexByte(f.Src[off:], '\n')
	if i < 0 {
		return len(f.Src)
	}
	if i > 0 && f.Src[off+i-1] == '\r' {
		i--
	}
	return off + i
}

func (f *File) lineStart(off int) int { return strings.LastIndexByte(f.Src[:off], '\n') + 1 }

func (f *File) document(text string) string {
	nl := f.newline()
	lead := "---" + nl
	if f.Src != "" && !strings.HasSuffix(f.Src, "\n") {
		lead = nl + lead
	}
	return lead + strings.ReplaceAll(text, "\n", nl)
}

func (f *File) prefix(n *Node, text string) (splice, error) {
	if n.off < 0 || n.Kind != Scalar {
		return splice{}, errPlace
	}
	at := int(n.off)
	switch n.Style {
	case Block:
		at = f.lineEnd(at)
		at += len(f.Src[at:]) - len(strings.TrimLeft(f.Src[at:], " \r\n"))
	case Quoted:
		at++
	}
	return splice{start: at, end: at, text: text}, nil
}

// textEnd is where the text of a value ends, -1 if that is not known.
func textEnd(n *Node) int {
	if n.end < 0 || n.off < 0 && n.Kind != Null {
		return -1
	}
	if n.Style == Flow || n.child == nil {
		return int(n.end)
	}
	last := n.child
	for last.next != nil {
		last = last.next
	}
	return textEnd(last)
}

func (f *File) insertBlock(parent *Node, e Edit) (splice, error) {
	if parent.Kind != Map || parent.child == nil || parent.child.keyOff < 0 {
		return splice{}, errPlace
	}
	end := textEnd(parent)
	if end < 0 {
		return splice{}, errPlace
	}
	first := int(parent.child.keyOff)
	lead := f.Src[f.lineStart(first):first]
	if strings.Trim(lead, " -") != "" {
		return splice{}, errPlace
	}
	indent, nl := strings.Repeat(" ", len(lead)), f.newline()
	entry := indent + e.entry(indent, nl)
	// A literal block ends at the start of a line, any other value within one.
	if end > 0 && end == f.lineStart(end) {
		return splice{end, end, entry + nl, len(lead)}, nil
	}
	end = f.lineEnd(end)
	return splice{end, end, nl + entry, len(lead)}, nil
}

// entry is the key and value in block style.
func (e Edit) entry(indent, nl string) string {
	if !strings.Contains(e.text, "\n") && !strings.Contains(e.text, ": ") {
		return e.key + ": " + e.text
	}
	entry := e.key + ":"
	for line := range strings.SplitSeq(strings.TrimRight(e.text, "\n"), "\n") {
		entry += nl + indent + "  " + line
	}
	return entry
}

// insertBefore adds a line, or within a flow collection an entry, in front of
// a key.
func (f *File) insertBefore(sibling *Node, e Edit) (splice, error) {
	if sibling.keyOff < 0 {
		return splice{}, errPlace
	}
	at := int(sibling.keyOff)
	lead := f.Src[f.lineStart(at):at]
	if strings.Trim(lead, " -") == "" {
		indent := strings.Repeat(" ", len(lead))
		return splice{start: at, end: at, text: e.entry(indent, f.newline()) + f.newline() + indent}, nil
	}
	value, err := fragment(e.text)
	if err != nil {
		return splice{}, err
	}
	return splice{start: at, end: at, text: e.key + ": " + value.String() + ", "}, nil
}

// rewrite replaces an entry from its key to the end of its value. It reads
// what stands around the key to tell block style from flow.
func (f *File) rewrite(n *Node, e Edit) (splice, error) {
	end := textEnd(n)
	if n.keyOff < 0 || end < 0 {
		return splice{}, errPlace
	}
	start := int(n.keyOff)
	lead := f.Src[f.lineStart(start):start]
	if strings.Trim(lead, " -") != "" {
		value, err := fragment(e.text)
		if err != nil {
			return splice{}, err
		}
		return splice{start: start, end: end, text: e.key + ": " + value.String()}, nil
	}
	text := e.entry(strings.Repeat(" ", len(lead)), f.newline())
	if end > start && end == f.lineStart(end) {
		text += f.newline()
	}
	return splice{start: start, end: end, text: text}, nil
}

func (f *File) insertFlow(parent *Node, e Edit) (splice, error) {
	value, err := fragment(e.text)
	if err != nil {
		return splice{}, err
	}
	if !parent.Located() || parent.Kind != Map {
		return splice{}, errPlace
	}
	at := int(parent.end) - 1
	text := e.key + ": " + value.String()
	if parent.child != nil {
		at = textEnd(parent.last())
		text = ", " + text
	}
	if at < 0 {
		return splice{}, errPlace
	}
	return splice{start: at, end: at, text: text}, nil
}

func (n *Node) last() *Node {
	c := n.child
	for c.next != nil {
		c = c.next
	}
	return c
}

// remove takes whole lines, so the entry must have them to itself.
func (f *File) remove(n *Node) (splice, error) {
	end := textEnd(n)
	if n.keyOff < 0 || end < 0 {
		return splice{}, errPlace
	}
	start := f.lineStart(int(n.keyOff))
	if strings.Trim(f.Src[start:n.keyOff], " ") != "" {
		return splice{}, errPlace
	}
	if end > start && end == f.lineStart(end) {
		return splice{start: start, end: end}, nil
	}
	rest := strings.TrimSpace(f.Src[end:f.lineEnd(end)])
	if rest != "" && rest[0] != '#' {
		return splice{}, errPlace
	}
	end = f.lineEnd(end)
	end += len(f.newlineAt(end))
	return splice{start: start, end: end}, nil
}

func (f *File) newlineAt(off int) string {
	for _, nl := range []string{"\r\n", "\n"} {
		if strings.HasPrefix(f.Src[off:], nl) {
			return nl
		}
	}
	return ""
}
