package manifest

import "strings"

// piece is the piece that a rendered line belongs to, nil if there is none.
func (f *File) piece(rendered int) *Piece {
	var found *Piece
	for i := range f.Pieces {
		if f.Pieces[i].Line <= rendered {
			found = &f.Pieces[i]
		}
	}
	return found
}

// Source is the file, and the line in it, that a node of a rendered object comes from: the node's own, if
// its object there says the same at that place; else a line that looks like the rendered one, else the
// object's. Line is 0 if none is known.
func (f *File) Source(o *Object, n *Node, rendered int) (path string, line int) {
	path, line = f.Origin(rendered)
	p := f.piece(rendered)
	if p == nil || p.Source == nil {
		return path, line
	}
	from := p.Source.origin(o)
	if from == nil {
		return path, line
	}
	at := counterpart(o.Root, n, from.Root)
	switch {
	case at != nil && (line == 0 || at.Style != Block):
		return path, p.Source.Span(at).Line
	case line == 0:
		return path, p.Source.Span(from.Root).Line
	}
	return path, line
}

// origin is the object of a file that a rendered one was made of: of its kind and name, else the only one
// of its kind whose name the other holds, as it does behind a prefix. Nil if that is unclear.
func (f *File) origin(o *Object) *Object {
	var like []*Object
	for _, each := range f.Objects {
		switch {
		case each.Kind != o.Kind:
		case each.Name == o.Name:
			return each
		case strings.Contains(o.Name, each.Name):
			like = append(like, each)
		}
	}
	if len(like) == 1 {
		return like[0]
	}
	return nil
}

// counterpart is the node of another tree in the place of n, items of lists by their names; nil if it is
// not there or says something else.
func counterpart(root, n, other *Node) *Node {
	steps, ok := way(root, n, nil)
	if !ok {
		return nil
	}
	for _, step := range steps {
		here := root.Walk([]string{step})
		if name := here.Get("name").Str(); root.Kind == List && name != "" {
			root, other = here, other.named(name)
		} else {
			root, other = here, other.Walk([]string{step})
		}
		if other == nil || other.Kind != root.Kind {
			return nil
		}
	}
	if n.Kind == Scalar && n.Value != other.Value {
		return nil
	}
	return other
}

// named is the item of a list that has a name.
func (n *Node) named(name string) *Node {
	for item := range n.All() {
		if item.Get("name").Str() == name {
			return item
		}
	}
	return nil
}
