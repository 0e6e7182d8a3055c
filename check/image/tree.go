package image

import (
	"path"
	"strings"
)

// tree is an image's file system: names, folders and links, no content.
type tree struct {
	layer int // the one that is being laid on top
	root  node
}

type node struct {
	layer    int              // the last one that named it
	children map[string]*node // of a folder, else nil
	link     string           // where a symbolic link leads, "" for what is none
}

func newTree() *tree { return &tree{root: node{children: map[string]*node{}}} }

// The whiteouts of the OCI image layer specification: they hide what the
// layers below hold.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// maxPath is PATH_MAX: a longer path can't be opened.
const maxPath = 4096

// add lays one entry of a layer over those before. The folders on its way are
// made if the layer does not name them, and links among them are followed.
func (t *tree) add(name string, folder bool, link string) {
	dir, base := path.Split(path.Clean("/" + name))
	if base == "" || len(name) > maxPath {
		return
	}
	parent := t.walk(dir, true)
	if parent == nil {
		return
	}
	hidden, hides := strings.CutPrefix(base, whiteout)
	old := parent.children[base]
	switch {
	case base == opaque:
		t.hide(parent)
	case hides:
		if n := parent.children[hidden]; n != nil && t.hide(n) {
			delete(parent.children, hidden)
		}
	case folder && old != nil && old.children != nil:
		old.layer = t.layer
	case folder:
		parent.children[base] = &node{layer: t.layer, children: map[string]*node{}}
	default:
		parent.children[base] = &node{layer: t.layer, link: link}
	}
}

// hide takes away what the layers below hold, and reports whether nothing is
// left of the node.
func (t *tree) hide(n *node) bool {
	for name, child := range n.children {
		if t.hide(child) {
			delete(n.children, name)
		}
	}
	return n.layer < t.layer && len(n.children) == 0
}

// maxLinks is how many links the kernel follows in one path.
const maxLinks = 40

// walk follows a path, links and all; nil if it leads nowhere.
func (t *tree) walk(name string, create bool) *node {
	way, rest := []*node{&t.root}, strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		at, next := way[len(way)-1], rest[0]
		rest = rest[1:]
		switch next {
		case "", ".":
			continue
		case "..":
			way = way[:max(1, len(way)-1)]
			continue
		}
		n := at.children[next]
		if n == nil && create && at.children != nil {
			n = &node{layer: t.layer, children: map[string]*node{}}
			at.children[next] = n
		}
		switch {
		case n == nil:
			return nil
		case n.link == "":
			way = append(way, n)
			continue
		}
		if links++; links > maxLinks {
			return nil
		}
		if strings.HasPrefix(n.link, "/") {
			way = way[:1]
		}
		rest = append(strings.Split(n.link, "/"), rest...)
	}
	last := way[len(way)-1]
	if create && last.children == nil {
		return nil
	}
	return last
}

// has reports whether a path leads to a file.
func (t *tree) has(name string) bool {
	n := t.walk(name, false)
	return n != nil && n.children == nil
}
