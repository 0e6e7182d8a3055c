package manifest

import "strings"

// set puts a value in place of another one's whole text.
func (w *writer) set(e Edit) (splice, error) {
	n, parent := e.node, e.parent
	if parent == nil {
		return w.setDocument(e)
	}
	if parent.shared || n.shared && parent.Kind == Map && n.keyOff < 0 {
		return splice{}, errPlace
	}
	end := w.textEnd(n)
	if end < 0 {
		return splice{}, errPlace
	}
	start := int(n.off)
	if parent.Style == Flow && n.Kind == Null && !n.shared && end == start {
		return splice{}, errPlace
	}
	if parent.Style == Flow || n.Style == Flow && e.want.child != nil {
		text, err := w.inFlow(n, e.want)
		return splice{start: start, end: end, text: text}, err
	}
	bare := *e.want
	bare.Key = "k"
	entry, err := w.layout.entry(parent, &bare)
	if err != nil {
		return splice{}, err
	}
	own := w.dash(n)
	if parent.Kind == Map {
		own = int(n.keyOff)
		colon := w.colon(n)
		if colon < 0 {
			return splice{}, errPlace
		}
		entry = strings.TrimPrefix(entry, "k:")
		if start > colon && start <= w.lineEnd(colon) && n.Style != Block && !strings.Contains(entry, "\n") {
			entry = strings.TrimPrefix(entry, " ")
		} else {
			start = colon + 1
		}
	} else if start = own; own < 0 {
		return splice{}, errPlace
	}
	indent, first := w.indentBefore(own)
	if !first && strings.Contains(entry, "\n") {
		return splice{}, errPlace
	}
	text := w.indented(entry, indent)
	if end > start && end == w.lineStart(end) {
		text += w.newline()
	}
	return splice{start: start, end: end, text: text, indent: -2}, nil
}

// setDocument writes a document anew, between its markers.
func (w *writer) setDocument(e Edit) (splice, error) {
	for d := range w.texts() {
		start, end := d.off, d.off+len(d.text)
		if at := int(e.node.off); at < start || at >= end {
			continue
		}
		if !d.fast {
			start += len("---")
		}
		text := w.jsonText(e.want, w.jsonIndent(e.node), "")
		if !w.json {
			block, err := w.layout.block(e.want)
			if err != nil {
				return splice{}, err
			}
			text = w.indented(block, "")
		}
		if !d.fast {
			text = w.newline() + text
		}
		return splice{start: start, end: end, text: text + w.newline()}, nil
	}
	return splice{}, errPlace
}

// add puts entries or items behind one that is there, or in front of all.
func (w *writer) add(e Edit) (splice, error) {
	if e.parent.Style == Flow {
		return w.addFlow(e)
	}
	near := e.node
	if near == nil {
		near = e.parent.child
	}
	own := int(near.start())
	if e.parent.Kind == List {
		own = w.dash(near)
	}
	if own < 0 {
		return splice{}, errPlace
	}
	indent, first := w.indentBefore(own)
	if !first || e.parent.Kind == List && strings.Trim(w.Src[w.lineStart(own):own], " ") != "" {
		return splice{}, errPlace
	}
	var lines []string
	for _, c := range e.more {
		entry, err := w.layout.entry(e.parent, c)
		if err != nil {
			return splice{}, err
		}
		lines = append(lines, indent+w.indented(entry, indent))
	}
	nl := w.newline()
	text := strings.Join(lines, nl)
	depth := 2 * len(indent)
	if e.parent.Kind == List {
		depth++ // its dashes stand where its key does, and belong to it
	}
	if e.node == nil {
		at := w.aboveComments(w.lineStart(own))
		return splice{at, at, text + nl, depth}, nil
	}
	at := w.textEnd(e.node)
	if at < 0 {
		return splice{}, errPlace
	}
	// A block ends at the start of a line, any other value within one.
	if at > 0 && at == w.lineStart(at) {
		line := at - len(w.newlineBefore(at))
		below := w.belowComments(line, (depth+1)/2)
		if below == line {
			return splice{at, at, text + nl, depth}, nil
		}
		at = below
	} else {
		at = w.belowComments(w.lineEnd(at), (depth+1)/2)
	}
	return splice{at, at, nl + text, depth}, nil
}

// belowComments is the end of the comments that stand behind a line and belong to what
// ends there: they are as deep as it is.
func (w *writer) belowComments(end, depth int) int {
	for at := end; at < len(w.Src); {
		at += len(w.newlineAt(at))
		next := w.lineEnd(at)
		line := w.Src[at:next]
		text := strings.TrimLeft(line, " ")
		switch {
		case strings.HasPrefix(text, "#") && len(line)-len(text) >= depth:
			end = next
		case text != "":
			return end
		}
		if at = next; at == len(w.Src) {
			break
		}
	}
	return end
}

// aboveComments is the start of the comments that stand in front of a line.
func (w *writer) aboveComments(at int) int {
	for at > 0 {
		above := w.lineStart(at - len(w.newlineBefore(at)))
		if text := strings.TrimSpace(w.Src[above:at]); text != "" && text[0] != '#' || above == 0 && at == 0 {
			return at
		}
		at = above
	}
	return at
}

func (f *File) newlineBefore(off int) string {
	for _, nl := range []string{"\r\n", "\n", "\r"} {
		if strings.HasSuffix(f.Src[:off], nl) {
			return nl
		}
	}
	return ""
}

func (w *writer) addFlow(e Edit) (splice, error) {
	near := e.node
	if near == nil {
		near = e.parent.child
	}
	at := int(near.start())
	if at < 0 {
		return splice{}, errPlace
	}
	comma := w.comma()
	if indent, first := w.indentBefore(at); first {
		comma = "," + w.newline() + indent
	}
	var parts []string
	for _, c := range e.more {
		text, err := w.flowItem(e.parent, near, c)
		if err != nil {
			return splice{}, err
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, comma)
	if e.node == nil {
		return splice{start: at, end: at, text: text + comma}, nil
	}
	if at = w.textEnd(e.node); at < 0 {
		return splice{}, errPlace
	}
	return splice{start: at, end: at, text: comma + text}, nil
}

// inFlow is a value as it stands within a flow collection where near does.
func (w *writer) inFlow(near, n *Node) (string, error) {
	if !w.json {
		return flowEntry(&Node{Kind: List}, n)
	}
	lead, first := w.indentBefore(int(near.start()))
	if !first {
		return w.value(n), nil
	}
	return w.jsonText(n, w.jsonIndent(w.root), lead), nil
}

// flowItem is the same with its key, if it has one.
func (w *writer) flowItem(parent, near, n *Node) (string, error) {
	if !w.json {
		return flowEntry(parent, n)
	}
	text, err := w.inFlow(near, n)
	if parent.Kind == Map {
		text = quoteJSON(n.Key) + w.between() + text
	}
	return text, err
}

// cut takes neighbouring entries or items out.
func (w *writer) cut(e Edit) (splice, error) {
	end := w.textEnd(e.last)
	if end < 0 {
		return splice{}, errPlace
	}
	if e.parent.Style == Flow {
		switch next := e.last.next; {
		case next != nil && next.start() >= 0 && !next.shared:
			return splice{start: int(e.node.start()), end: int(next.start()), indent: -1}, nil
		case next != nil:
			return splice{}, errPlace
		}
		before := e.parent.child
		for before.next != e.node {
			if before = before.next; before == nil {
				return splice{}, errPlace
			}
		}
		start := w.textEnd(before)
		if start < 0 {
			return splice{}, errPlace
		}
		return splice{start: start, end: end, indent: -1}, nil
	}
	own := int(e.node.keyOff)
	if e.parent.Kind == List {
		own = w.dash(e.node)
	}
	if own < 0 {
		return splice{}, errPlace
	}
	s, err := w.lines(own, end)
	s.indent = -1
	return s, err
}

// dash is the offset of the dash in front of a list's item on the same line, -1 if there
// is none.
func (f *File) dash(n *Node) int {
	at := int(n.off)
	if at < 0 {
		return -1
	}
	lead := strings.TrimRight(f.Src[f.lineStart(at):at], " ")
	if !strings.HasSuffix(lead, "-") || strings.Trim(lead, " -") != "" {
		return -1
	}
	return f.lineStart(at) + len(lead) - 1
}

// indented puts an indent in front of all lines but the first.
func (w *writer) indented(text, indent string) string {
	first, rest, many := strings.Cut(text, "\n")
	if !many {
		return text
	}
	var b strings.Builder
	b.WriteString(first)
	for line := range strings.SplitSeq(rest, "\n") {
		b.WriteString(w.newline())
		if line != "" {
			b.WriteString(indent + line)
		}
	}
	return b.String()
}
