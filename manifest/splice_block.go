package manifest

import "strings"

func (w *writer) insertBlock(parent *Node, e Edit) (splice, error) {
	if parent.Kind != Map || parent.child == nil || parent.child.keyOff < 0 {
		return splice{}, errPlace
	}
	end := w.textEnd(parent)
	if end < 0 {
		return splice{}, errPlace
	}
	indent, first := w.indentBefore(int(parent.child.keyOff))
	if !first {
		return splice{}, errPlace
	}
	nl := w.newline()
	entry := indent + e.entry(indent, nl)
	// A literal block ends at the start of a line, any other value within one.
	if end > 0 && end == w.lineStart(end) {
		return splice{end, end, entry + nl, 2 * len(indent)}, nil
	}
	end = w.lineEnd(end)
	return splice{end, end, nl + entry, 2 * len(indent)}, nil
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
func (w *writer) insertBefore(parent, sibling *Node, e Edit) (splice, error) {
	if parent == nil || sibling.keyOff < 0 {
		return splice{}, errPlace
	}
	at := int(sibling.keyOff)
	indent, first := w.indentBefore(at)
	nl := w.newline()
	if parent.Style != Flow {
		if !first {
			return splice{}, errPlace
		}
		return splice{start: at, end: at, text: e.entry(indent, nl) + nl + indent}, nil
	}
	text, err := w.flowEntry(e)
	if err != nil {
		return splice{}, err
	}
	if first {
		return splice{start: at, end: at, text: text + "," + nl + indent}, nil
	}
	return splice{start: at, end: at, text: text + w.comma()}, nil
}

// rewrite replaces an entry from its key to the end of its value.
func (w *writer) rewrite(parent, n *Node, e Edit) (splice, error) {
	end := w.textEnd(n)
	if parent == nil || n.keyOff < 0 || end < 0 {
		return splice{}, errPlace
	}
	start := int(n.keyOff)
	if parent.Style == Flow {
		text, err := w.flowEntry(e)
		return splice{start: start, end: end, text: text}, err
	}
	indent, first := w.indentBefore(start)
	if !first {
		return splice{}, errPlace
	}
	text := e.entry(indent, w.newline())
	if end > start && end == w.lineStart(end) {
		text += w.newline()
	}
	return splice{start: start, end: end, text: text}, nil
}

// remove takes whole lines, so the entry must have them to itself.
func (w *writer) remove(n *Node) (splice, error) {
	end := w.textEnd(n)
	if n.keyOff < 0 || end < 0 {
		return splice{}, errPlace
	}
	return w.lines(int(n.keyOff), end)
}

// lines takes what starts and ends at two places out, with its lines.
func (w *writer) lines(own, end int) (splice, error) {
	start := w.lineStart(own)
	if strings.Trim(w.Src[start:own], " ") != "" {
		return splice{}, errPlace
	}
	if end > start && end == w.lineStart(end) {
		return splice{start: start, end: end}, nil
	}
	rest := strings.TrimSpace(w.Src[end:w.lineEnd(end)])
	if rest != "" && rest[0] != '#' {
		return splice{}, errPlace
	}
	end = w.lineEnd(end)
	end += len(w.newlineAt(end))
	return splice{start: start, end: end}, nil
}
