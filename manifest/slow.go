package manifest

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"
)

// maxExpanded bounds what the aliases of one document may expand to; the largest
// CRD bundles have about 100,000 values in one document.
const maxExpanded = 500_000

// maxAliased bounds what the aliases of all files that are read together may expand to: 64 MB of
// values. Those of public repositories expand to some hundred.
const maxAliased = 1_000_000

// problemAt is an error at a line of a document, counted from 1.
type problemAt struct {
	line int
	text string
}

func (e *problemAt) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// slow converts what the full parser read, and finds where each value's text ends, which the parser
// does not tell.
type slow struct {
	src   string
	base  int
	lines []int32 // start of each line in src
	arena *arena

	expanded int // values of aliases

	line, column, at int     // where offset was last, for long lines
	overruled        []*Node // values whose key is set again after them
}

// parseSlow reads one document with the full YAML parser.
// A nil root without an error is an empty document.
func parseSlow(src string, base int, a *arena) (*Node, error) {
	root, _, err := readSlow(src, base, a)
	return root, err
}

// readSlow is parseSlow, and also gives the values that do not count because their key is set
// again.
func readSlow(src string, base int, a *arena) (root *Node, overruled []*Node, err error) {
	if err := tooMany(src, maxParsed); err != nil {
		return nil, nil, err
	}
	var doc yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(src))
	if err := decoder.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, explain(err, src)
	}
	if err := behind(decoder); err != nil {
		return nil, nil, err
	}
	if doc.Kind == 0 || len(doc.Content) == 0 {
		return nil, nil, nil
	}
	s := &slow{src: src, base: base, arena: a, lines: lineStarts(src)}
	root = a.node()
	root.keyOff = -1
	if err := s.convert(root, doc.Content[0], 0, nil); err != nil {
		return nil, nil, explain(err, src)
	}
	if root.Kind == Null {
		return nil, s.overruled, nil
	}
	return root, s.overruled, nil
}

// behind is an error if the parser has not come to the end of the text.
func behind(decoder *yaml.Decoder) error {
	var next yaml.Node
	switch err := decoder.Decode(&next); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return errBehind(next.Line)
	default:
		line, named := lineOf(err)
		if named {
			line++ // the parser counts this error's line from 0
		}
		return errBehind(line)
	}
}

func (s *slow) offset(n *yaml.Node) int32 {
	if n.Line < 1 || n.Line > len(s.lines) {
		return -1
	}
	if s.line != n.Line {
		s.line, s.column, s.at = n.Line, 1, int(s.lines[n.Line-1])
	}
	// A minified file is one line: what is looked up is near what was looked up last.
	for ; s.column > n.Column; s.column-- {
		_, size := utf8.DecodeLastRuneInString(s.src[:s.at])
		s.at -= size
	}
	for ; s.column < n.Column; s.column++ {
		if s.at >= len(s.src) {
			s.line = 0
			return -1
		}
		_, size := utf8.DecodeRuneInString(s.src[s.at:])
		s.at += size
	}
	return int32(s.base + s.at)
}

// convert fills to with what from says. What an alias repeats has no text of its own: its place is
// the alias's.
func (s *slow) convert(to *Node, from *yaml.Node, depth int, shared *yaml.Node) error {
	if shared != nil {
		s.expanded++
	}
	if s.expanded > maxExpanded {
		return &problemAt{from.Line, fmt.Sprintf("the document's aliases expand to more than %d values; write them out", maxExpanded)}
	}
	if shared != nil && s.arena.aliased != nil && s.arena.aliased.Add(1) > maxAliased {
		return &problemAt{from.Line, fmt.Sprintf("the aliases of all files expand to more than %d values; write them out", maxAliased)}
	}
	if depth > maxDepth {
		return &problemAt{from.Line, fmt.Sprintf("nested more than %d levels deep", maxDepth)}
	}
	to.off, to.end = -1, -1
	if to.shared = shared != nil; !to.shared {
		to.off = s.offset(from)
	} else {
		to.off = s.offset(shared)
	}
	switch from.Kind {
	case yaml.AliasNode:
		if shared == nil {
			shared = from
		}
		return s.convert(to, from.Alias, depth+1, shared)
	case yaml.ScalarNode:
		s.scalar(to, from)
		return nil
	case yaml.SequenceNode:
		to.Kind = List
		last := &to.child
		for _, item := range from.Content {
			n := s.arena.node()
			n.keyOff = -1
			if err := s.convert(n, item, depth+1, shared); err != nil {
				return err
			}
			*last, last = n, &n.next
			to.end = n.end
		}
	case yaml.MappingNode:
		to.Kind = Map
		if err := s.mapping(to, from, depth, shared); err != nil {
			return err
		}
	default:
		return &problemAt{from.Line, "unexpected YAML node"}
	}
	if from.Style&yaml.FlowStyle != 0 {
		to.Style, to.end = Flow, s.closing(to.off)
	}
	if shared != nil || from.Anchor != "" || from.Style&yaml.TaggedStyle != 0 {
		to.end = -1
	}
	return nil
}

func (s *slow) mapping(to *Node, from *yaml.Node, depth int, shared *yaml.Node) error {
	last := &to.child
	counts := make(map[string]int, len(from.Content)/2) // the place of the entry that counts
	for i := 0; i+1 < len(from.Content); i += 2 {
		counts[from.Content[i].Value] = i
	}
	var merges []*yaml.Node
	for i := 0; i+1 < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		if key.Tag == "!!merge" {
			merges = append(merges, value)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			return &problemAt{key.Line, "a mapping's key must be a plain text"}
		}
		n := s.arena.node()
		if err := s.convert(n, value, depth+1, shared); err != nil {
			return err
		}
		n.Key, n.keyOff = key.Value, -1
		if shared == nil {
			n.keyOff = s.offset(key)
		}
		to.end = n.end
		if counts[key.Value] != i {
			s.overruled = append(s.overruled, n)
			continue // of two equal keys the last counts, as for kubectl
		}
		*last, last = n, &n.next
	}
	for _, m := range merges {
		if err := s.merge(to, &last, m, depth, counts); err != nil {
			return err
		}
	}
	return nil
}

// merge adds the keys of << that are not there yet.
func (s *slow) merge(to *Node, last **(*Node), from *yaml.Node, depth int, there map[string]int) error {
	var n Node
	if err := s.convert(&n, from, depth+1, from); err != nil {
		return err
	}
	sources := []*Node{&n}
	if n.Kind == List {
		sources = sources[:0]
		for c := range n.All() {
			sources = append(sources, c)
		}
	}
	for _, source := range sources {
		if source.Kind != Map {
			return &problemAt{from.Line, "<< needs a mapping or a list of mappings"}
		}
		for c := range source.All() {
			if _, known := there[c.Key]; known {
				continue
			}
			there[c.Key] = -1
			added := s.arena.node()
			*added = *c
			added.next, added.keyOff = nil, -1
			**last, *last = added, &added.next
		}
	}
	to.end = -1
	return nil
}

func (s *slow) scalar(to *Node, from *yaml.Node) {
	to.Kind, to.Value = Scalar, from.Value
	switch {
	case from.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		to.Style = Block
		return
	case from.Style&yaml.TaggedStyle != 0 && (from.Tag == "!!int" || from.Tag == "!!float" || from.Tag == "!!bool"):
		// Its quotes say nothing.
	case from.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		to.Style = Quoted
	case from.Style&yaml.TaggedStyle != 0:
		if to.Style = Quoted; from.Tag == "!!null" {
			to.Kind, to.Style, to.Value = Null, Plain, ""
		}
	case from.Tag == "!!null":
		to.Kind, to.Value = Null, ""
	}
	if to.shared || to.off < 0 || from.Anchor != "" || from.Style&yaml.TaggedStyle != 0 {
		return
	}
	if to.Style == Quoted {
		to.end = s.unquote(to.off)
	} else if at := int(to.off) - s.base; strings.HasPrefix(s.src[at:], from.Value) {
		to.end = to.off + int32(len(from.Value))
	}
}

// unquote finds the end of the quoted scalar that starts at off.
func (s *slow) unquote(off int32) int32 {
	end := quotedEnd(s.src, int(off)-s.base)
	if end < 0 {
		return -1
	}
	return int32(s.base + end)
}

// quotedEnd is the offset behind the quoted text that starts at an offset, -1
// if there is none.
func quotedEnd(src string, at int) int {
	if at >= len(src) {
		return -1
	}
	q := src[at]
	if q != '"' && q != '\'' {
		return -1
	}
	for i := at + 1; i < len(src); i++ {
		switch {
		case q == '"' && src[i] == '\\':
			i++
		case src[i] == q && q == '\'' && i+1 < len(src) && src[i+1] == q:
			i++
		case src[i] == q:
			return i + 1
		}
	}
	return -1
}

// closing finds the end of the flow collection that starts at off; -1 when a
// comment in it leaves that in doubt.
func (s *slow) closing(off int32) int32 {
	if off < 0 {
		return -1
	}
	depth := 0
	for i := int(off) - s.base; i < len(s.src); i++ {
		switch s.src[i] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return int32(s.base + i + 1)
			}
		case '"', '\'':
			if prev := strings.TrimRight(s.src[:i], " \r\n\t"); prev == "" || strings.IndexByte("[{,:", prev[len(prev)-1]) < 0 {
				continue
			}
			end := s.unquote(int32(s.base + i))
			if end < 0 {
				return -1
			}
			i = int(end) - s.base - 1
		case '#':
			return -1
		}
	}
	return -1
}

func lineStarts(src string) []int32 {
	starts := make([]int32, 1, strings.Count(src, "\n")+2)
	for i := 0; i < len(src); {
		n := strings.IndexAny(src[i:], "\r\n")
		if n < 0 {
			break
		}
		if i += n + 1; src[i-1] == '\n' || i == len(src) || src[i] != '\n' {
			starts = append(starts, int32(i))
		}
	}
	return starts
}

var yamlError = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?(?:line (\d+): )?`)

// lineOf is the line that a parser's error names, the first if it names none.
func lineOf(err error) (line int, named bool) {
	if m := yamlError.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
		line, _ = strconv.Atoi(m[1])
		return line, true
	}
	return 1, false
}

// explain turns the parser's error into one that names the most common cause.
func explain(err error, src string) error {
	var p *problemAt
	if !errors.As(err, &p) {
		text := strings.Join(strings.Fields(err.Error()), " ")
		line, _ := lineOf(err)
		p = &problemAt{line, yamlError.ReplaceAllString(text, "")}
	}
	for i, line := range strings.Split(src, "\n") {
		body := strings.TrimLeft(line, " ")
		if strings.HasPrefix(body, "\t") && strings.TrimSpace(body) != "" {
			return &problemAt{i + 1, "indented with a tab; YAML allows only spaces"}
		}
	}
	if strings.Contains(src, "{{") {
		p.text += " (it looks like a template: name the chart's folder, or render it first)"
	}
	return p
}
