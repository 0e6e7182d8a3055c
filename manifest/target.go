package manifest

import "strconv"

// Target is the field that an edit sets: the way to it from root, by keys and
// by list indexes, and the value that it shall have. Edits that set nothing,
// or set something outside of root, have none.
func (e Edit) Target(root *Node) (path []string, value *Node, ok bool) {
	path, ok = way(root, e.node, nil)
	if !ok || e.kind == prefix || e.kind == remove || e.kind == appendDocument {
		return nil, nil, false
	}
	switch e.kind {
	case insert:
		path = append(path, e.key)
	case insertBefore, rewrite:
		path[len(path)-1] = e.key
	}
	value, err := fragment(e.text)
	return path, value, err == nil
}

// way finds a node below another.
func way(from, to *Node, path []string) ([]string, bool) {
	if from == to {
		return path, from != nil
	}
	i := 0
	for c := range from.All() {
		step := c.Key
		if from.Kind == List {
			step = strconv.Itoa(i)
		}
		if found, ok := way(c, to, append(path[:len(path):len(path)], step)); ok {
			return found, true
		}
		i++
	}
	return nil, false
}

// Walk follows a way that Target gave.
func (n *Node) Walk(path []string) *Node {
	for _, step := range path {
		if n != nil && n.Kind == List {
			i, err := strconv.Atoi(step)
			if err != nil {
				return nil
			}
			n = n.Index(i)
			continue
		}
		n = n.Get(step)
	}
	return n
}

// SameValue compares two trees without their own keys.
func SameValue(a, b *Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.Key, y.Key = "", ""
	return Equal(&x, &y)
}
