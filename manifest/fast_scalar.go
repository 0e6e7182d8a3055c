package manifest

import (
	"strings"
)

// plainStart reports whether a plain scalar may start as s does.
func plainStart(s string) bool {
	if strings.IndexByte("[]{}#&*!|>'\"%@`,?", s[0]) >= 0 {
		return false
	}
	return s[0] != '-' && s[0] != ':' || len(s) > 1 && s[1] != ' '
}

// scalar reads a value that starts on the current line, after its key or dash.
func (f *fast) scalar(n *Node, indent, depth int) {
	n.off = int32(f.base + f.at)
	switch f.text[0] {
	case '"', '\'', '[', '{':
		p := &flow{fast: f, text: f.text}
		p.value(n, depth)
		p.space()
		if p.i < len(p.text) && (p.text[p.i] != '#' || p.text[p.i-1] != ' ') {
			f.bail()
		}
		f.advance()
		if !f.done && f.indent > indent {
			f.bail()
		}
	case '|':
		f.literal(n, indent)
	default:
		f.plain(n, indent)
	}
}

func (f *fast) plain(n *Node, indent int) {
	s := f.text
	if !plainStart(s) {
		f.bail()
	}
	if i := strings.Index(s, " #"); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimRight(s, " ")
	if strings.HasSuffix(s, ":") || strings.Contains(s, ": ") {
		f.bail()
	}
	n.end = n.off + int32(len(s))
	if isNull(s) {
		n.Kind = Null
	} else {
		n.Kind, n.Value = Scalar, s
	}
	f.advance()
	// A deeper line would continue the scalar.
	if !f.done && f.indent > indent {
		f.bail()
	}
}

// literal reads a | block: it ends where a line is indented no deeper than
// the key.
func (f *fast) literal(n *Node, indent int) {
	head := f.text
	if i := strings.Index(head, " #"); i >= 0 {
		head = head[:i]
	}
	head = strings.TrimRight(head, " ")
	if head != "|" && head != "|-" && head != "|+" {
		f.bail()
	}
	n.Kind, n.Style = Scalar, Block
	start, width := f.pos, -1
	end := start
	crlf := false
	for pos := start; pos < len(f.src); {
		text, next := f.line(pos)
		lead := 0
		for lead < len(text) && text[lead] == ' ' {
			lead++
		}
		if lead == len(text) {
			if lead > 0 && (width < 0 || lead > width) {
				f.bail()
			}
			if width < 0 && next == len(f.src) {
				f.bail()
			}
			pos = next
			continue
		}
		if width < 0 {
			if lead <= indent {
				f.bail()
			}
			width = lead
		}
		if lead < width {
			if lead > indent {
				f.bail()
			}
			break
		}
		crlf = crlf || next-pos != len(text)+1
		pos, end = next, next
	}
	if width < 0 || head == "|+" {
		f.bail()
	}
	n.Value = dedent(f.src[start:end], width, crlf)
	if !strings.HasSuffix(n.Value, "\n") && end == len(f.src) && head == "|" {
		f.bail()
	}
	if head == "|-" {
		n.Value = strings.TrimRight(n.Value, "\n")
	}
	n.end = int32(f.base + end)
	f.pos = end
	f.advance()
}

func dedent(s string, width int, crlf bool) string {
	var b strings.Builder
	b.Grow(len(s))
	for s != "" {
		i := strings.IndexByte(s, '\n')
		line := s
		if i >= 0 {
			line, s = s[:i+1], s[i+1:]
		} else {
			s = ""
		}
		if crlf && strings.HasSuffix(line, "\r\n") {
			line = line[:len(line)-2] + "\n"
		}
		if len(line) > width {
			b.WriteString(line[width:])
		} else {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
