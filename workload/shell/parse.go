package shell

import "strings"

// Parse reads a script.
func Parse(text string) Script {
	p := &parser{text: text, complete: true}
	for p.next() {
	}
	p.end("")
	if n := len(p.commands); n > 0 && p.commands[n-1].Op == ";" {
		p.commands[n-1].Op = "" // nothing follows
	}
	return Script{Commands: p.commands, Complete: p.complete}
}

type parser struct {
	text     string
	i        int
	words    []string
	word     strings.Builder
	inWord   bool
	quoted   bool // the current word had quotes, so it is no keyword
	skip     int  // words to drop: the target of a redirection
	commands []Command
	nest     []string
	or       bool
	complete bool
}

// next takes one character or one token; false at the end.
func (p *parser) next() bool {
	if p.i >= len(p.text) {
		return false
	}
	c := p.text[p.i]
	p.i++
	switch c {
	case ' ', '\t', '\r':
		p.endWord()
	case '\n', ';':
		if c == ';' && strings.HasPrefix(p.text[p.i:], ";") {
			p.i++
		}
		p.end(";")
	case '\'':
		p.literal("'")
	case '"':
		p.double()
	case '\\':
		if p.i < len(p.text) {
			if p.text[p.i] != '\n' {
				p.put(p.text[p.i : p.i+1])
			}
			p.i++
		}
	case '$':
		p.dollar()
	case '`':
		p.put("`")
		p.until('`')
	case '#':
		if p.inWord {
			p.put("#")
			break
		}
		if i := strings.IndexByte(p.text[p.i:], '\n'); i >= 0 {
			p.i += i
		} else {
			p.i = len(p.text)
		}
	case '&', '|':
		p.operator(c)
	case '<', '>':
		p.redirect(c)
	case '(':
		if p.inWord || len(p.words) > 0 {
			p.complete = false // a function or an array
		}
		p.end("")
		p.open("(")
	case ')':
		p.end("")
		if len(p.nest) > 0 && p.nest[len(p.nest)-1] == "(" {
			p.shut()
		}
	default:
		p.put(string(c))
	}
	return true
}

func (p *parser) put(s string) { p.word.WriteString(s); p.inWord = true }

func (p *parser) literal(q string) {
	p.quoted, p.inWord = true, true
	end := strings.Index(p.text[p.i:], q)
	if end < 0 {
		p.complete = false
		p.put(p.text[p.i:])
		p.i = len(p.text)
		return
	}
	p.put(p.text[p.i : p.i+end])
	p.i += end + 1
}

func (p *parser) double() {
	p.quoted, p.inWord = true, true
	for p.i < len(p.text) {
		c := p.text[p.i]
		p.i++
		switch {
		case c == '"':
			return
		case c == '\\' && p.i < len(p.text):
			p.put(p.text[p.i : p.i+1])
			p.i++
		case c == '$':
			p.dollar()
		default:
			p.put(string(c))
		}
	}
	p.complete = false
}

// dollar keeps an expansion as it is, with balanced brackets.
func (p *parser) dollar() {
	p.put("$")
	if p.i >= len(p.text) {
		return
	}
	switch p.text[p.i] {
	case '(':
		p.balanced('(', ')')
	case '{':
		p.balanced('{', '}')
	}
}

func (p *parser) balanced(open, shut byte) {
	depth := 0
	for p.i < len(p.text) {
		c := p.text[p.i]
		p.put(string(c))
		p.i++
		switch c {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return
			}
		}
	}
	p.complete = false
}

func (p *parser) until(c byte) {
	for p.i < len(p.text) {
		p.put(p.text[p.i : p.i+1])
		p.i++
		if p.text[p.i-1] == c {
			return
		}
	}
	p.complete = false
}

func (p *parser) operator(c byte) {
	switch {
	case strings.HasPrefix(p.text[p.i:], string(c)):
		p.i++
		p.end(string(c) + string(c))
	case c == '&' && strings.HasPrefix(p.text[p.i:], ">"):
		p.redirect('>')
	case c == '|' && strings.HasPrefix(p.text[p.i:], "&"):
		p.i++
		p.end("|")
	default:
		p.end(string(c))
	}
}

// redirect drops a redirection: it changes nothing that matters here.
func (p *parser) redirect(c byte) {
	if w := p.word.String(); p.inWord && strings.Trim(w, "0123456789") == "" {
		p.word.Reset()
		p.inWord = false
	}
	p.endWord()
	if c == '<' && strings.HasPrefix(p.text[p.i:], "<") {
		p.complete = false // a here-document
	}
	for p.i < len(p.text) && strings.IndexByte("<>&|", p.text[p.i]) >= 0 {
		p.i++
	}
	p.skip = 1
}

func (p *parser) endWord() {
	if !p.inWord {
		return
	}
	w, quoted := p.word.String(), p.quoted
	p.word.Reset()
	p.inWord, p.quoted = false, false
	if p.skip > 0 {
		p.skip--
		return
	}
	if len(p.words) == 0 && !quoted && p.keyword(w) {
		return
	}
	p.words = append(p.words, w)
}

// keyword takes a reserved word that stands where a command would.
func (p *parser) keyword(w string) bool {
	switch w {
	case "if", "while", "until", "for", "case", "{", "select":
		p.open(w)
		if w == "for" || w == "case" || w == "select" {
			p.words = append(p.words, w)
		}
	case "fi", "done", "esac", "}":
		p.shut()
	case "then", "else", "elif", "do", "!":
	default:
		return false
	}
	return true
}

func (p *parser) open(w string) { p.nest = append(p.nest, w) }

func (p *parser) shut() {
	if len(p.nest) == 0 {
		p.complete = false
		return
	}
	p.nest = p.nest[:len(p.nest)-1]
}

// end finishes a command; op is what follows it.
func (p *parser) end(op string) {
	nest := len(p.nest)
	p.endWord()
	p.skip = 0
	if len(p.words) == 0 {
		// The end of a group: the operator belongs to what it ended with.
		if n := len(p.commands); n > 0 && op != "" && p.commands[n-1].Op == "" && nest <= p.commands[n-1].Nest {
			p.commands[n-1].Op = op
		} else if n > 0 && (op == "|" || op == "&") {
			p.commands[n-1].Op = op
		}
		if op != "" {
			p.or = op == "||"
		}
		return
	}
	c := Command{Words: p.words, Op: op, Nest: len(p.nest), Or: p.or}
	for _, w := range p.nest {
		c.Loop = c.Loop || w == "while" || w == "until" || w == "for"
	}
	p.commands = append(p.commands, c)
	p.words = nil
	p.or = op == "||"
}
