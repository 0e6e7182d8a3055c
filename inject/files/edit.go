package files

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	yaml "go.yaml.in/yaml/v3"
)

// edit makes in a tree the changes that lead from one value to another. Both values were
// read from the tree through the same types, so what those types do not know is in neither
// and stays in the tree.
func edit(node *yaml.Node, from, to any) error {
	switch to := to.(type) {
	case map[string]any:
		if from, ok := from.(map[string]any); ok && node.Kind == yaml.MappingNode {
			return editMap(node, from, to)
		}
	case []any:
		if from, ok := from.([]any); ok && node.Kind == yaml.SequenceNode && len(node.Content) == len(from) {
			return editList(node, from, to)
		}
	}
	return replace(node, to)
}

func editMap(node *yaml.Node, from, to map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		if _, stays := to[key]; !stays {
			if i := index(node, key); i >= 0 {
				node.Content = slices.Delete(node.Content, i, i+2)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(to)) {
		if reflect.DeepEqual(from[key], to[key]) {
			continue
		}
		i := index(node, key)
		if i < 0 {
			name, value := new(yaml.Node), new(yaml.Node)
			name.SetString(key)
			if err := replace(value, to[key]); err != nil {
				return err
			}
			node.Content = append(node.Content, name, value)
			continue
		}
		if err := edit(node.Content[i+1], from[key], to[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// index is where a mapping's key stands among its content, or -1. Of two equal
// keys the last one counts.
func index(node *yaml.Node, key string) int {
	found := -1
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			found = i
		}
	}
	return found
}

func editList(node *yaml.Node, from, to []any) error {
	var content []*yaml.Node
	for i, item := range to {
		old := slices.IndexFunc(from, func(other any) bool { return same(other, item) })
		if old < 0 {
			added := new(yaml.Node)
			if err := replace(added, item); err != nil {
				return err
			}
			content = append(content, added)
			continue
		}
		if err := edit(node.Content[old], from[old], item); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
		content = append(content, node.Content[old])
	}
	node.Content = content
	return nil
}

// same reports whether two items of a list are one item before and after: containers and
// volumes by name, mounts by path, everything else by what it says.
func same(a, b any) bool {
	x, ok := a.(map[string]any)
	y, also := b.(map[string]any)
	if !ok || !also {
		return reflect.DeepEqual(a, b)
	}
	for _, key := range []string{"mountPath", "name"} {
		if x[key] != nil || y[key] != nil {
			return reflect.DeepEqual(x[key], y[key])
		}
	}
	return reflect.DeepEqual(a, b)
}

// replace makes a node say a value; its comments stay.
func replace(node *yaml.Node, value any) error {
	var said yaml.Node
	if err := said.Encode(value); err != nil {
		return err
	}
	nameFirst(&said)
	said.HeadComment, said.LineComment, said.FootComment = node.HeadComment, node.LineComment, node.FootComment
	*node = said
	return nil
}

// nameFirst puts names where people look for them.
func nameFirst(node *yaml.Node) {
	if node.Kind == yaml.MappingNode {
		if i := index(node, "name"); i > 0 {
			name, value := node.Content[i], node.Content[i+1]
			node.Content = slices.Insert(slices.Delete(node.Content, i, i+2), 0, name, value)
		}
	}
	for _, child := range node.Content {
		nameFirst(child)
	}
}

// unshare writes out the aliases and merged keys below a node. The tree is known to stay
// small: the reader that accepted it counts what its aliases expand to.
func unshare(node *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		copied := copyOf(node.Alias)
		copied.HeadComment, copied.LineComment, copied.FootComment = node.HeadComment, node.LineComment, node.FootComment
		*node = *copied
	}
	node.Anchor = ""
	for _, child := range node.Content {
		unshare(child)
	}
	if node.Kind == yaml.MappingNode {
		unmerge(node)
	}
}

func copyOf(node *yaml.Node) *yaml.Node {
	copied := *node
	copied.Anchor = ""
	copied.Content = nil
	for _, child := range node.Content {
		copied.Content = append(copied.Content, copyOf(child))
	}
	return &copied
}

// unmerge puts the keys of << into the mapping; those that it has itself win, then those of
// the first source.
func unmerge(node *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Tag != "!!merge" {
			continue
		}
		source := node.Content[i+1]
		node.Content = slices.Delete(node.Content, i, i+2)
		i -= 2
		sources := []*yaml.Node{source}
		if source.Kind == yaml.SequenceNode {
			sources = source.Content
		}
		for _, s := range sources {
			for j := 0; j+1 < len(s.Content); j += 2 {
				if index(node, s.Content[j].Value) < 0 {
					node.Content = append(node.Content, s.Content[j], s.Content[j+1])
				}
			}
		}
	}
}
