// Package files injects into the pod templates of manifest files, and leaves every byte
// that injection does not mean as it was.
package files

import (
	"bytes"
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// document is what stands between two document markers of a file.
type document struct {
	path  string
	line  int    // of the file, on which text begins
	text  string // with its line ends as they are
	after string // the marker's line that follows, as it is; empty at the end

	root *yaml.Node // nil if the document holds no value
}

// split cuts a file at its markers; the documents' texts and markers joined are the file.
// A value on the marker's own line belongs to the document that follows.
func split(path, src string) []*document {
	var docs []*document
	start, startLine, line := 0, 1, 1
	for pos := 0; pos < len(src); line++ {
		next := len(src)
		if i := strings.IndexByte(src[pos:], '\n'); i >= 0 {
			next = pos + i + 1
		}
		if end, ok := marker(src[pos:next]); ok {
			docs = append(docs, &document{path: path, line: startLine, text: src[start:pos], after: src[pos : pos+end]})
			start, startLine = pos+end, line
			if pos+end == next {
				startLine++
			}
		}
		pos = next
	}
	return append(docs, &document{path: path, line: startLine, text: src[start:]})
}

// marker tells how many bytes of a line are a document's end or beginning: the whole line,
// unless a value follows on it.
func marker(line string) (int, bool) {
	if !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "...") {
		return 0, false
	}
	rest := strings.TrimRight(line[3:], "\r\n")
	body := strings.TrimLeft(rest, " \t")
	switch {
	case rest != "" && body == rest:
		return 0, false
	case body == "" || body[0] == '#':
		return len(line), true
	}
	return 3, true
}

// parse reads the document's tree. Aliases and merged keys are written out: an edit of one
// place must not show in another.
func (d *document) parse() error {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(d.text), &doc); err != nil {
		return fmt.Errorf("%s:%d: %w", d.path, d.line, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	unshare(&doc)
	d.root = &doc
	return nil
}

// format is how a document is laid out, so that what is added looks like what is there.
type format struct {
	indent  int
	compact bool // list items stand below their key's first letter
	json    bool
}

func formatOf(root *yaml.Node, text string) format {
	f := format{indent: 2, compact: true, json: strings.HasPrefix(strings.TrimSpace(text), "{")}
	if f.json {
		f.indent = jsonIndent(text)
		return f
	}
	var mapped, listed bool
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 {
			for i := 0; i+1 < len(n.Content); i += 2 {
				key, value := n.Content[i], n.Content[i+1]
				if value.Style&yaml.FlowStyle != 0 || len(value.Content) == 0 || value.Line == key.Line {
					continue
				}
				switch {
				case value.Kind == yaml.MappingNode && !mapped:
					f.indent, mapped = max(value.Column-key.Column, 1), true
				case value.Kind == yaml.SequenceNode && !listed:
					f.compact, listed = value.Column == key.Column, true
				}
			}
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(root)
	return f
}

// encode writes a tree as a document of that format, with line feeds for line ends.
func (f format) encode(root *yaml.Node) (string, error) {
	if f.json {
		return encodeJSON(root, f.indent)
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(f.indent)
	if f.compact {
		enc.CompactSeqIndent()
	}
	if err := enc.Encode(root); err != nil {
		return "", err
	}
	return b.String(), enc.Close()
}
