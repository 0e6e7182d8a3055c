package manifest

import (
	"errors"
	"slices"
)

// rounds bounds how often an edit's result is edited again. An edit of what an anchor
// names shows where its aliases stand: the second round writes those out.
const rounds = 4

// Change makes values of a file say something else, and proves it as Apply does: the text
// is parsed again, and must say what was meant and nothing else. What a value says already
// keeps its text. Where the text has no place for a change, the smallest value around it
// that has is written anew.
//
// A value is what Node.Data gives, and otherwise a scalar.
func Change(f *File, values map[*Node]any) (string, error) {
	if f.broken {
		return "", errBroken
	}
	want := make([]*Node, len(f.docs))
	for i, root := range f.docs {
		changed, err := changed(root, values)
		if err != nil {
			return "", err
		}
		want[i] = changed
	}
	now, whole := f, false
	for round := range rounds {
		edits := now.toward(want, whole)
		if len(edits) == 0 {
			break
		}
		next, err := now.with(edits, len(want))
		switch {
		case err == nil:
			now, whole = next, round+2 >= rounds
		case whole:
			return "", err
		default: // an alias has lost its anchor: the documents that differ are written as a whole
			whole = true
		}
	}
	return now.Src, now.says(want)
}

// with is the file with the edits made, if it can be read.
func (f *File) with(edits []Edit, docs int) (*File, error) {
	text, err := f.write(edits)
	if err != nil {
		return nil, err
	}
	next, err := f.after(text)
	if err == nil && len(next.docs) != docs {
		err = errPlace
	}
	return next, err
}

var errBroken = errors.New("a part of the file cannot be read")

// changed is the tree with the values that are meant.
func changed(n *Node, values map[*Node]any) (*Node, error) {
	if n == nil {
		return nil, nil
	}
	if value, is := values[n]; is {
		return wanted(n, value)
	}
	out := *n
	out.child, out.next = nil, nil
	last := &out.child
	for c := range n.All() {
		copied, err := changed(c, values)
		if err != nil {
			return nil, err
		}
		*last, last = copied, &copied.next
	}
	return &out, nil
}

// toward are the edits that lead to what is wanted of each document.
func (f *File) toward(want []*Node, whole bool) []Edit {
	var edits []Edit
	allJSON := isJSON(f.Src)
	for i, root := range f.docs {
		if root == nil || SameValue(root, want[i]) {
			continue
		}
		w := writer{File: f, root: root, json: allJSON || root.isJSON(f.Src), layout: f.layoutOf(root)}
		w.layout.quoted = whole
		more, ok := []Edit(nil), false
		if !whole {
			more, ok = w.toward(nil, root, want[i])
		}
		if !ok {
			more = []Edit{{kind: set, node: root, step: &step{writer: &w, want: want[i]}}}
		}
		edits = append(edits, more...)
	}
	return edits
}

// toward are the edits of a value's text, false if it has no place for one of them.
func (w *writer) toward(parent, n, want *Node) ([]Edit, bool) {
	if SameValue(n, want) {
		return nil, true
	}
	if edits, ok := w.inside(n, want); ok {
		return edits, true
	}
	return w.placed(set, n, step{parent: parent, want: want})
}

// placed is the edit if it has a place.
func (w *writer) placed(kind editKind, n *Node, s step) ([]Edit, bool) {
	s.writer = w
	e := Edit{kind: kind, node: n, step: &s}
	at, err := e.splice(w.File)
	if err != nil {
		return nil, false
	}
	e.place = &at
	return []Edit{e}, true
}

// inside are edits of what a map or list holds; false where it has to be written anew.
func (w *writer) inside(n, want *Node) ([]Edit, bool) {
	if n.shared || n.child == nil || n.Kind != want.Kind || n.Kind == Scalar {
		return nil, false
	}
	pairs, ok := pair(n, want)
	if !ok {
		return nil, false
	}
	var edits []Edit
	do := func(more []Edit, can bool) {
		edits, ok = append(edits, more...), ok && can
	}
	old := make(map[*Node]bool, len(pairs))
	var after *Node // the kept one behind which what is new comes
	var added []*Node
	flush := func() {
		if len(added) > 0 {
			do(w.placed(add, after, step{parent: n, more: added}))
		}
		added = nil
	}
	for c := range want.All() {
		was := pairs[c]
		switch {
		case was == nil:
			added = append(added, c)
		case n.Kind == Map && was.keyOff < 0: // of a merged mapping: the key itself goes before it
			old[was] = true
			if !SameValue(was, c) {
				added = append(added, c)
			}
		default:
			old[was] = true
			if n.Kind == List {
				flush()
			}
			if after == nil || was.start() > after.start() {
				after = was
			}
			do(w.toward(n, was, c))
		}
	}
	if after == nil {
		return nil, false
	}
	flush()
	var first, last *Node
	for c := range n.All() {
		switch {
		case !old[c] && n.Kind == Map && c.keyOff < 0:
			return nil, false
		case !old[c] && first == nil:
			first, last = c, c
		case !old[c]:
			last = c
		case first != nil:
			do(w.placed(cut, first, step{parent: n, last: last}))
			first = nil
		}
	}
	if first != nil {
		do(w.placed(cut, first, step{parent: n, last: last}))
	}
	return edits, ok
}

// pair finds for what a map or list shall hold what it holds now; false for items in
// another order.
func pair(n, want *Node) (map[*Node]*Node, bool) {
	pairs := map[*Node]*Node{}
	if n.Kind == Map {
		byKey := map[string]*Node{}
		for c := range n.All() {
			byKey[c.Key] = c
		}
		for c := range want.All() {
			if was := byKey[c.Key]; was != nil {
				pairs[c] = was
			}
		}
		return pairs, true
	}
	items := slices.Collect(n.All())
	next := 0
	for c := range want.All() {
		same := func(was *Node) bool { return was != nil && sameItem(was, c) }
		i := next
		if i == len(items) || !same(items[i]) {
			i = slices.IndexFunc(items, same)
		}
		if i < 0 {
			continue
		}
		if i < next {
			return nil, false
		}
		pairs[c], items[i], next = items[i], nil, i+1
	}
	pairGaps(n, want, pairs)
	return pairs, true
}

// pairGaps pairs the maps that are left between two pairs, where they are as many before
// and after: the items of a List have nothing else in common.
func pairGaps(n, want *Node, pairs map[*Node]*Node) {
	was, is := n.child, want.child
	for is != nil || was != nil {
		end := is
		var fresh []*Node
		for ; end != nil && pairs[end] == nil; end = end.next {
			fresh = append(fresh, end)
		}
		var old []*Node
		for ; was != nil && (end == nil || was != pairs[end]); was = was.next {
			old = append(old, was)
		}
		if len(old) == len(fresh) {
			for i := range old {
				if old[i].Kind == Map && fresh[i].Kind == Map {
					pairs[fresh[i]] = old[i]
				}
			}
		}
		if is = end; is != nil {
			is, was = is.next, was.next
		}
	}
}

// sameItem reports whether two items of a list are one before and after: mounts by path,
// whatever has a name by that, everything else by what it says.
func sameItem(a, b *Node) bool {
	for _, field := range slices.Backward(itemNames) {
		x, y := a.Get(field), b.Get(field)
		if x != nil || y != nil {
			return SameValue(x, y)
		}
	}
	return SameValue(a, b)
}
