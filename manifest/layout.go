package manifest

import (
	"bytes"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// layout is how a document is laid out, so that what is added looks like what is there.
type layout struct {
	indent  int
	compact bool // list items stand below their key's first letter
	quoted  bool // every text in double quotes: the way that needs no layout
}

// layoutOf takes the first mapping and the first list that stand below their keys.
func (f *File) layoutOf(root *Node) layout {
	l := layout{indent: 2, compact: true}
	var mapped, listed bool
	var walk func(*Node)
	walk = func(n *Node) {
		for c := range n.All() {
			if !c.shared && n.Kind == Map && c.keyOff >= 0 && c.off >= 0 && c.Style != Flow && c.child != nil {
				line, below := f.lineStart(int(c.keyOff)), f.lineStart(int(c.off))
				deeper := int(c.off) - below - (int(c.keyOff) - line)
				switch {
				case line == below:
				case c.Kind == Map && !mapped:
					l.indent, mapped = max(deeper, 1), true
				case c.Kind == List && !listed:
					l.compact, listed = deeper == 0, true
				}
			}
			walk(c)
		}
	}
	walk(root)
	return l
}

// jsonIndent is by how many spaces the document's text indents.
func (f *File) jsonIndent(root *Node) int {
	line := f.lineEnd(int(root.off))
	rest := strings.TrimLeft(f.Src[line:], "\r\n")
	return max(len(rest)-len(strings.TrimLeft(rest, " ")), 1)
}

// block writes a tree as a document in block style.
func (l layout) block(n *Node) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(l.indent)
	if l.compact {
		enc.CompactSeqIndent()
	}
	if err := enc.Encode(n.yaml(false, l.quoted)); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), enc.Close()
}

// entry is a map's entry, or a list's item, in block style.
func (l layout) entry(parent, n *Node) (string, error) {
	bare := *n
	bare.next = nil
	return l.block(&Node{Kind: parent.Kind, child: &bare})
}

// flowEntry is the same on one line, as it stands within braces or brackets.
func flowEntry(parent, n *Node) (string, error) {
	bare := *n
	bare.next = nil
	out, err := yaml.Marshal((&Node{Kind: parent.Kind, child: &bare}).yaml(true, false))
	text := strings.TrimSuffix(string(out), "\n")
	if err != nil || len(text) < 2 || strings.Contains(text, "\n") {
		return "", errPlace
	}
	return text[1 : len(text)-1], nil
}

// yaml is the tree for the encoder, which chooses the quotes.
func (n *Node) yaml(flow, quoted bool) *yaml.Node {
	out := &yaml.Node{}
	if flow && n.child != nil {
		out.Style = yaml.FlowStyle
	}
	switch n.Kind {
	case Map, List:
		out.Kind = yaml.MappingNode
		if n.Kind == List {
			out.Kind = yaml.SequenceNode
		}
		for c := range n.All() {
			if n.Kind == Map {
				key := &yaml.Node{}
				key.SetString(c.Key)
				out.Content = append(out.Content, key)
			}
			out.Content = append(out.Content, c.yaml(flow || c.Style == Flow, quoted))
		}
	case Null:
		out.Kind, out.Tag, out.Value = yaml.ScalarNode, "!!null", "null"
	default:
		if n.Style == Plain && !isText(n.Value) {
			out.Kind, out.Value = yaml.ScalarNode, n.Value
			break
		}
		out.SetString(n.Value)
		// The encoder leaves out quotes that YAML 1.1 needs, and writes a block that begins with
		// white space so that it cannot be read.
		if quoted || !isWord(n.Value) && !isText(n.Value) || strings.Contains(n.Value, "\n") && strings.TrimLeft(n.Value, " \t\r\n") != n.Value {
			out.Style = yaml.DoubleQuotedStyle
		}
	}
	return out
}

// json writes a tree as JSON: on one line, or if indent is not 0 on many, the first of
// which is to stand as deep as lead.
func (w *writer) jsonText(n *Node, indent int, lead string) string {
	if indent == 0 || n.child == nil {
		return w.value(n)
	}
	open, shut := "{", "}"
	if n.Kind == List {
		open, shut = "[", "]"
	}
	deeper := lead + strings.Repeat(" ", indent)
	nl := w.newline()
	var b strings.Builder
	b.WriteString(open)
	for c := range n.All() {
		if c != n.child {
			b.WriteString(",")
		}
		b.WriteString(nl + deeper)
		if n.Kind == Map {
			b.WriteString(quoteJSON(c.Key) + w.between())
		}
		b.WriteString(w.jsonText(c, indent, deeper))
	}
	b.WriteString(nl + lead + shut)
	return b.String()
}
