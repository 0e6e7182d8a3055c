package manifest

import "strings"

// Within is the place of a text in a node whose value spans lines: a command of a script, a line of
// a configuration file. It is the nth occurrence, counted from 0; the node's own place if the text
// is not there literally.
func (f *File) Within(n *Node, text string, nth int) Span {
	whole := f.Span(n)
	if !n.Located() || int(n.end) > len(f.Src) {
		return whole
	}
	src := f.Src[n.off:n.end]
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if text == "" || !strings.Contains(src, "\n") {
		return whole
	}
	from := 0
	for ; nth >= 0; nth-- {
		i := strings.Index(src[from:], text)
		if i < 0 {
			return whole
		}
		from += i + len(text)
	}
	end := int(n.off) + from
	return f.span(end-len(text), end)
}
