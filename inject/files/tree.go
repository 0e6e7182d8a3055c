package files

import (
	"errors"
	"strings"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/manifest"
)

// place is the node that an error is about: the deepest one on the path of an *Invalid.
func place(node *manifest.Node, err error) *manifest.Node {
	var invalid *inject.Invalid
	if !errors.As(err, &invalid) {
		return node
	}
	for _, step := range invalid.Path {
		next := node.Get(step)
		if name, ok := strings.CutPrefix(step, "["); ok && node.Kind == manifest.List {
			next = named(node, strings.TrimSuffix(name, "]"))
		}
		if next == nil {
			break
		}
		node = next
	}
	return node
}

func named(list *manifest.Node, name string) *manifest.Node {
	for item := range list.All() {
		if item.Get("name").Str() == name || item.Get("mountPath").Str() == name {
			return item
		}
	}
	return nil
}
