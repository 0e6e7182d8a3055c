package files

import (
	"errors"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"github.com/lameduck-dev/lameduck/inject"
)

// get walks down by keys; nil if there is nothing.
func get(node *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		if node == nil || node.Kind != yaml.MappingNode {
			return nil
		}
		i := index(node, key)
		if i < 0 {
			return nil
		}
		node = node.Content[i+1]
	}
	return node
}

func text(node *yaml.Node, key string) string {
	if value := get(node, key); value != nil {
		return value.Value
	}
	return ""
}

// place is the node that an error is about: the deepest one on the path of an *Invalid.
func place(node *yaml.Node, err error) *yaml.Node {
	var invalid *inject.Invalid
	if !errors.As(err, &invalid) {
		return node
	}
	for _, step := range invalid.Path {
		next := get(node, step)
		if name, ok := strings.CutPrefix(step, "["); ok && node.Kind == yaml.SequenceNode {
			next = named(node, strings.TrimSuffix(name, "]"))
		}
		if next == nil {
			break
		}
		node = next
	}
	return node
}

func named(list *yaml.Node, name string) *yaml.Node {
	for _, item := range list.Content {
		if text(item, "name") == name || text(item, "mountPath") == name {
			return item
		}
	}
	return nil
}
