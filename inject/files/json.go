package files

import (
	"encoding/json"
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// jsonIndent is by how many spaces a JSON text indents; 0 if it stands on one line.
func jsonIndent(text string) int {
	_, rest, many := strings.Cut(strings.TrimSpace(text), "\n")
	if !many {
		return 0
	}
	return max(len(rest)-len(strings.TrimLeft(rest, " ")), 1)
}

// encodeJSON writes a tree as JSON, keys in the order in which they stand.
func encodeJSON(root *yaml.Node, indent int) (string, error) {
	var b strings.Builder
	if err := writeJSON(&b, root, indent, 0); err != nil {
		return "", err
	}
	b.WriteByte('\n')
	return b.String(), nil
}

func writeJSON(b *strings.Builder, n *yaml.Node, indent, depth int) error {
	newline := func(depth int) {
		if indent > 0 {
			b.WriteByte('\n')
			b.WriteString(strings.Repeat(" ", indent*depth))
		}
	}
	items := func(open, shut byte, step int, each func(i int) error) error {
		b.WriteByte(open)
		for i := 0; i+step <= len(n.Content); i += step {
			if i > 0 {
				b.WriteByte(',')
			}
			newline(depth + 1)
			if err := each(i); err != nil {
				return err
			}
		}
		if len(n.Content) > 0 {
			newline(depth)
		}
		b.WriteByte(shut)
		return nil
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return writeJSON(b, n.Content[0], indent, depth)
	case yaml.MappingNode:
		return items('{', '}', 2, func(i int) error {
			if err := writeText(b, n.Content[i].Value); err != nil {
				return err
			}
			b.WriteByte(':')
			if indent > 0 {
				b.WriteByte(' ')
			}
			return writeJSON(b, n.Content[i+1], indent, depth+1)
		})
	case yaml.SequenceNode:
		return items('[', ']', 1, func(i int) error { return writeJSON(b, n.Content[i], indent, depth+1) })
	case yaml.ScalarNode:
		return writeScalar(b, n)
	}
	return fmt.Errorf("line %d: JSON has no %v", n.Line, n.Kind)
}

// writeScalar keeps numbers as they are written, where JSON can write them so.
func writeScalar(b *strings.Builder, n *yaml.Node) error {
	if n.ShortTag() == "!!str" {
		return writeText(b, n.Value)
	}
	if json.Valid([]byte(n.Value)) {
		b.WriteString(n.Value)
		return nil
	}
	var value any
	if err := n.Decode(&value); err != nil {
		return err
	}
	data, err := json.Marshal(value)
	b.Write(data)
	return err
}

func writeText(b *strings.Builder, text string) error {
	var quoted strings.Builder
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return err
	}
	b.WriteString(strings.TrimSuffix(quoted.String(), "\n"))
	return nil
}
