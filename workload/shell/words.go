package shell

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// word is a word's text with its quotes removed. Expansions are left as they are written, or
// replaced by what lookup knows about a variable; constant tells whether none is left.
func (e *eval) word(w *syntax.Word, lookup bool) (text string, constant bool) {
	var b strings.Builder
	constant = true
	e.parts(&b, w.Parts, lookup, false, &constant)
	return b.String(), constant
}

func (e *eval) parts(b *strings.Builder, parts []syntax.WordPart, lookup, quoted bool, constant *bool) {
	for _, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			b.WriteString(unescape(part.Value, quoted))
		case *syntax.SglQuoted:
			b.WriteString(part.Value)
		case *syntax.DblQuoted:
			e.parts(b, part.Parts, lookup, true, constant)
		case *syntax.ParamExp:
			if value, known := e.value(part); lookup && known {
				b.WriteString(value)
				continue
			}
			*constant = false
			b.WriteString(e.source(part))
		default:
			*constant = false
			b.WriteString(e.source(part))
		}
	}
}

// source is the text of a node as it is written.
func (e *eval) source(n syntax.Node) string {
	from, to := int(n.Pos().Offset()), int(n.End().Offset())
	if from > to || to > len(e.text) {
		return ""
	}
	return e.text[from:to]
}

// value is what a plain expansion of a variable gives, if the script or the
// container's environment says so.
func (e *eval) value(p *syntax.ParamExp) (string, bool) {
	if p.Param == nil || p.Excl || p.Length || p.Width || p.Index != nil || p.Slice != nil || p.Repl != nil {
		return "", false
	}
	value, known := e.lookup(p.Param.Value)
	if p.Exp == nil {
		return value, known
	}
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
		return value, known && value != ""
	}
	return "", false
}

func (e *eval) lookup(name string) (string, bool) {
	if value, set := e.vars[name]; set {
		return value.text, value.known
	}
	if e.env == nil {
		return "", false
	}
	return e.env(name)
}

func unescape(s string, quoted bool) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (!quoted || strings.IndexByte("\\\"$`\n", s[i+1]) >= 0) {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// starters only start another program, with the options that take a value.
var starters = map[string]string{
	"exec": "a", "nohup": "", "time": "", "command": "", "env": "uC", "nice": "n", "setsid": "", "stdbuf": "ioe", "builtin": "", "sudo": "ugh", "ionice": "cn",
}

// program is a command line without assignments and without the programs that
// only start another. `command -v x` starts nothing.
func program(words []string) []string {
	for len(words) > 0 {
		w := words[0]
		if i := strings.IndexByte(w, '='); i > 0 && !strings.ContainsAny(w[:i], "/-$ ") {
			words = words[1:]
			continue
		}
		valued, starts := starters[path.Base(w)]
		if !starts || len(words) < 2 || w == "command" && strings.HasPrefix(words[1], "-") {
			break
		}
		for words = words[1:]; len(words) > 0 && strings.HasPrefix(words[0], "-") && len(words[0]) > 1; words = words[1:] {
			if len(words) > 1 && len(words[0]) == 2 && strings.ContainsAny(words[0][1:], valued) {
				words = words[1:]
			}
		}
	}
	return words
}
