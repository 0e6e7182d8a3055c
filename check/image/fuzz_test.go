package image

import (
	"strings"
	"testing"
)

// FuzzTree lays any names over one another: each lookup ends, and what is not
// a folder has nothing in it.
func FuzzTree(f *testing.F) {
	f.Add("bin->usr/bin\nusr/bin/sh\n\nbin/.wh.sh\n\nbin/sh->../../x")
	f.Add("a->a\na/b\n\n.wh..wh..opq\na/\na/.wh.\n..->/")
	f.Fuzz(func(t *testing.T, text string) {
		tree := newTree()
		for layer := range strings.SplitSeq(text, "\n\n") {
			tree.layer++
			for line := range strings.SplitSeq(layer, "\n") {
				name, link, _ := strings.Cut(line, "->")
				tree.add(name, strings.HasSuffix(name, "/"), link)
				tree.has(name)
			}
		}
		var walk func(n *node)
		walk = func(n *node) {
			if n.children == nil {
				return
			}
			for name, child := range n.children {
				if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
					t.Errorf("a node is called %q", name)
				}
				walk(child)
			}
		}
		walk(&tree.root)
	})
}
