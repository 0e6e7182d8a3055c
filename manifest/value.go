package manifest

import (
	"maps"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Data is what a tree says, as map[string]any, []any and string. A scalar that is no
// string is its *Node: a number stays as it is written.
func (n *Node) Data() any {
	switch {
	case n == nil:
		return nil
	case n.Kind == Map:
		m := make(map[string]any, n.Len())
		for c := range n.All() {
			m[c.Key] = c.Data()
		}
		return m
	case n.Kind == List:
		list := make([]any, 0, n.Len())
		for c := range n.All() {
			list = append(list, c.Data())
		}
		return list
	case n.isString():
		return n.Value
	}
	return n
}

// Text is the tree in one line of YAML, which says the same to every reader.
func (n *Node) Text() string {
	var b strings.Builder
	n.writeFlow(&b, func(n *Node) string {
		if n.Style == Plain && (!n.isString() || isOldBool(n.Value)) && n.Value != "<<" {
			return n.Value
		}
		return quoteJSON(n.Value)
	}, ": ", ", ")
	return b.String()
}

func (n *Node) isString() bool {
	return n.Kind == Scalar && (n.Style != Plain || tagOf(n.Value) == "!!str")
}

func tagOf(plain string) string {
	return (&yaml.Node{Kind: yaml.ScalarNode, Value: plain}).ShortTag()
}

// isOldBool tells what YAML 1.1 takes for a boolean, and 1.2 for a string.
func isOldBool(s string) bool {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off":
		return true
	}
	return false
}

// wanted is the tree that says a value. What node says already is taken over as it is
// written, keys in their order; new keys follow, a name first.
func wanted(node *Node, value any) (*Node, error) {
	out := &Node{keyOff: -1, off: -1, end: -1}
	if node != nil {
		out.Key, out.Style = node.Key, node.Style
	}
	last := &out.child
	add := func(key string, old *Node, value any) error {
		c, err := wanted(old, value)
		if err != nil {
			return err
		}
		c.Key, *last, last = key, c, &c.next
		return nil
	}
	switch value := value.(type) {
	case *Node:
		out.Kind, out.Value, out.Style = value.Kind, value.Value, value.Style
		return out, nil
	case map[string]any:
		out.Kind = Map
		there := map[string]bool{}
		for c := range node.All() {
			if v, stays := value[c.Key]; stays && node.Kind == Map {
				there[c.Key] = true
				if err := add(c.Key, c, v); err != nil {
					return nil, err
				}
			}
		}
		for _, key := range slices.SortedFunc(maps.Keys(value), nameFirst) {
			if !there[key] {
				if err := add(key, nil, value[key]); err != nil {
					return nil, err
				}
			}
		}
		return out, nil
	case []any:
		out.Kind = List
		var items []*Node
		if node != nil && node.Kind == List {
			items = slices.Collect(node.All())
		}
		for i, v := range value {
			if err := add("", item(items, v, i, len(value)), v); err != nil {
				return nil, err
			}
		}
		return out, nil
	case string:
		out.Kind, out.Value = Scalar, value
		if node == nil || node.Value != value || !node.isString() {
			out.Style = Quoted
		}
		return out, nil
	}
	var said yaml.Node
	if err := said.Encode(value); err != nil {
		return nil, err
	}
	out.Kind, out.Value, out.Style = Scalar, said.Value, Plain
	if said.ShortTag() == "!!null" {
		out.Kind, out.Value = Null, ""
	}
	return out, nil
}

func nameFirst(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "name", b != "name" && a < b:
		return -1
	}
	return 1
}

// item is the item that the i-th of so many values is the new form of, nil if there is
// none. Most stand where they stood.
func item(items []*Node, value any, i, of int) *Node {
	same := func(n *Node) bool {
		switch value := value.(type) {
		case map[string]any:
			for _, field := range slices.Backward(itemNames) {
				if name, is := value[field].(string); is {
					return n.Get(field).Str() == name
				}
			}
		case string:
			return n.isString() && n.Value == value
		}
		return false
	}
	if i < len(items) && same(items[i]) {
		return items[i]
	}
	if at := slices.IndexFunc(items, same); at >= 0 {
		return items[at]
	}
	if len(items) == of {
		return items[i]
	}
	return nil
}
