package manifest

import (
	"cmp"
	"slices"
	"strings"
)

// Object is one Kubernetes object of the input, with its place.
type Object struct {
	File *File
	Root *Node

	APIVersion, Kind, Namespace, Name string

	Overruled []*Node // values in it that do not count, because their key is set again after them

	spec *Node
}

// String is how messages name an object: Deployment shop/web.
func (o *Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Group is the API group, "" for the core one.
func (o *Object) Group() string {
	group, _, found := strings.Cut(o.APIVersion, "/")
	if !found {
		return ""
	}
	return group
}

// Annotation reads one annotation of the object, "" if it is not there.
func (o *Object) Annotation(key string) string {
	return o.Root.Get("metadata", "annotations", key).Str()
}

// Spec walks down from the object's spec.
func (o *Object) Spec(path ...string) *Node { return o.spec.Get(path...) }

// add takes over a document's object, or the objects of a List. A document without apiVersion and
// kind is some other configuration: not ours.
func (f *File) add(root *Node) []Problem {
	if root == nil || root.Kind != Map {
		return nil
	}
	o := &Object{
		File: f, Root: root,
		APIVersion: root.Get("apiVersion").Str(),
		Kind:       root.Get("kind").Str(),
		spec:       root.Get("spec"),
	}
	if o.APIVersion == "" || o.Kind == "" {
		return nil
	}
	if items := root.Get("items"); strings.HasSuffix(o.Kind, "List") && items != nil && items.Kind == List {
		var problems []Problem
		for item := range items.All() {
			problems = append(problems, f.add(item)...)
		}
		return problems
	}
	meta := root.Get("metadata")
	o.Name, o.Namespace = meta.Get("name").Str(), meta.Get("namespace").Str()
	if o.Name == "" {
		o.Name = meta.Get("generateName").Str()
	}
	if meta.Set() && meta.Kind != Map {
		return []Problem{{Path: f.Path, Line: f.Span(meta).Line, Text: "metadata must be a mapping"}}
	}
	f.Objects = append(f.Objects, o)
	return nil
}

// overrule gives each overruled value of a document to the object whose text it stands in; one in front of
// all objects, as of a List itself, to the first.
func overrule(objects []*Object, values []*Node) {
	if len(objects) == 0 || len(values) == 0 {
		return
	}
	byPlace := func(a, b *Node) int { return cmp.Compare(a.start(), b.start()) }
	slices.SortStableFunc(values, byPlace)
	inOrder := slices.Clone(objects)
	slices.SortStableFunc(inOrder, func(a, b *Object) int { return byPlace(a.Root, b.Root) })
	i := 0
	for _, n := range values {
		for i+1 < len(inOrder) && inOrder[i+1].Root.start() <= n.start() {
			i++
		}
		inOrder[i].Overruled = append(inOrder[i].Overruled, n)
	}
}
