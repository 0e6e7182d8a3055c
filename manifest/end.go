package manifest

import "strings"

// textEnd is where the text of a value ends, -1 if that is not known. It finds what the full parser
// does not tell, and accepts only text that holds the value that was read.
func (f *File) textEnd(n *Node) int {
	if n.shared {
		return f.aliasEnd(int(n.off))
	}
	switch {
	case n.Kind == Null:
		return f.nullEnd(n)
	case n.Style == Flow:
		return int(n.end)
	case n.Kind != Scalar:
		end := -1
		for c := range n.All() {
			e := f.textEnd(c)
			if e < 0 {
				return -1
			}
			end = max(end, e)
		}
		return end
	case n.end >= 0:
		return int(n.end)
	case n.off < 0:
		return -1
	}
	at := f.value(int(n.off))
	switch {
	case n.Style == Block:
		return f.blockEnd(n, at)
	case n.Style == Quoted && at < len(f.Src) && (f.Src[at] == '"' || f.Src[at] == '\''):
		return quotedEnd(f.Src, at)
	}
	return f.plainEnd(n, at)
}

// value is where a value's own text starts, behind its anchor and tag.
func (f *File) value(at int) int {
	for at < len(f.Src) && (f.Src[at] == '&' || f.Src[at] == '!') {
		i := strings.IndexAny(f.Src[at:], " \t\r\n")
		if i < 0 {
			return len(f.Src)
		}
		at += i
		at += len(f.Src[at:]) - len(strings.TrimLeft(f.Src[at:], " \t\r\n"))
	}
	return at
}

func (f *File) aliasEnd(at int) int {
	if at < 0 || at >= len(f.Src) || f.Src[at] != '*' {
		return -1
	}
	if i := strings.IndexAny(f.Src[at:], " \t\r\n,[]{}"); i >= 0 {
		return at + i
	}
	return len(f.Src)
}

// nullEnd is behind a null, or behind the colon or dash that has no value.
func (f *File) nullEnd(n *Node) int {
	if n.keyOff >= 0 {
		colon := f.colon(n)
		if colon < 0 {
			return -1
		}
		if n.off > n.keyOff && n.end > n.off && int(n.off) <= f.lineEnd(colon) && isNull(f.Src[n.off:n.end]) {
			return int(n.end)
		}
		if rest := strings.TrimLeft(f.Src[colon+1:f.lineEnd(colon)], " "); rest == "" || rest[0] == '#' || rest[0] == ',' || rest[0] == '}' {
			return colon + 1
		}
		return -1
	}
	switch {
	case n.off < 1 || n.end < n.off:
		return -1
	case n.end > n.off && isNull(f.Src[n.off:n.end]), f.Src[n.off-1] == '-':
		return int(n.end)
	}
	return -1
}

// plainEnd follows a text over its lines.
func (f *File) plainEnd(n *Node, at int) int {
	for i := 0; i < len(n.Value); i++ {
		if n.Value[i] == ' ' || n.Value[i] == '\n' {
			skip := len(f.Src[at:]) - len(strings.TrimLeft(f.Src[at:], " \t\r\n"))
			if skip == 0 && (i == 0 || n.Value[i-1] != '\n' && n.Value[i-1] != ' ') {
				return -1
			}
			at += skip
			continue
		}
		if at >= len(f.Src) || f.Src[at] != n.Value[i] {
			return -1
		}
		at++
	}
	return at
}

// blockEnd is behind the last line of a literal or folded text, or with + behind the
// blank lines that follow it.
func (f *File) blockEnd(n *Node, at int) int {
	head := f.Src[at:f.lineEnd(at)]
	if head == "" || head[0] != '|' && head[0] != '>' {
		return -1
	}
	head, _, _ = strings.Cut(head, " #")
	if strings.ContainsAny(head, "123456789") {
		return -1
	}
	keep := strings.Contains(head, "+")
	start := f.lineEnd(at)
	start += len(f.newlineAt(start))
	width, end := -1, start
	for pos := start; pos < len(f.Src); {
		stop := f.lineEnd(pos)
		line := f.Src[pos:stop]
		next := stop + len(f.newlineAt(stop))
		text := strings.TrimLeft(line, " ")
		switch lead := len(line) - len(text); {
		case text == "":
			if keep {
				end = next
			}
			pos = next
			continue
		case width < 0:
			width = lead
		case lead < width:
			pos = len(f.Src)
			continue
		}
		pos, end = next, next
	}
	if width < 0 || strings.Join(strings.Fields(f.Src[start:end]), "") != strings.Join(strings.Fields(n.Value), "") {
		return -1
	}
	return end
}
