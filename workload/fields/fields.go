// Package fields finds what the API does not know in a manifest: misspelt fields, and values of
// another type than the API wants.
package fields

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/lameduck-dev/lameduck/manifest"
)

// Problem is one field that the API does not know, or whose value it refuses.
type Problem struct {
	Node  *manifest.Node
	Path  string // from the node that was checked: spec.containers[0].lifecycle.prestop
	Near  string // an unknown field's nearest known one; "" if none is near
	Wants string // what its value should be, for a field that is known
}

// String says what is wrong, and what is probably meant.
func (p Problem) String() string {
	switch {
	case p.Wants != "":
		return fmt.Sprintf("%s is %s, the API wants %s", p.Path, has(p.Node), p.Wants)
	case p.Near != "":
		return fmt.Sprintf("%s is no field that the API knows: did you mean %s?", p.Path, p.Near)
	}
	return p.Path + " is no field that the API knows"
}

// Check compares a tree with the API type that it is written for. It leaves open what a placeholder
// stands for, and what a type reads in its own way, and tells of maxUnknown unknown fields at most.
func Check(n *manifest.Node, as reflect.Type) []Problem {
	var c checker
	c.value(n, as)
	return c.found
}

// Unknown is Check for fields that the API does not know alone: it looks at no plain value.
func Unknown(n *manifest.Node, as reflect.Type) []Problem {
	c := checker{namesOnly: true}
	c.value(n, as)
	return c.found
}

// maxUnknown is the number of unknown fields in an object behind which no more are looked at: that many are
// misspelt by nobody.
const maxUnknown = 100

type checker struct {
	namesOnly bool
	unknown   int
	path      []step
	found     []Problem
}

// step is one step of a path. Most paths are never written, so they are not joined before they are.
type step struct {
	key string
	i   int
	in  reflect.Kind // of what the step goes into: Struct, Map or Slice
}

func (c *checker) enter(s step) { c.path = append(c.path, s) }
func (c *checker) leave()       { c.path = c.path[:len(c.path)-1] }

// at is the path to the present value.
func (c *checker) at() string {
	var b strings.Builder
	for i, s := range c.path {
		switch {
		case s.in == reflect.Slice:
			fmt.Fprintf(&b, "[%d]", s.i)
		case s.in == reflect.Map:
			b.WriteString("[" + s.key + "]")
		case i > 0:
			b.WriteString("." + s.key)
		default:
			b.WriteString(s.key)
		}
	}
	return b.String()
}

func (c *checker) value(n *manifest.Node, as reflect.Type) {
	for as.Kind() == reflect.Pointer {
		as = as.Elem()
	}
	if !n.Set() || n.Unfilled() {
		return
	}
	if scalar := reads(as); scalar || reflect.PointerTo(as).Implements(unmarshaler) {
		if scalar && n.Kind != manifest.Scalar {
			c.wants(n, "a number or a text")
		}
		return
	}
	switch as.Kind() {
	case reflect.Struct:
		if n.Kind != manifest.Map {
			c.wants(n, "fields of its own")
			return
		}
		c.fields(n, as)
	case reflect.Map:
		if n.Kind != manifest.Map {
			c.wants(n, "keys with values")
			return
		}
		for item := range n.All() {
			c.enter(step{key: item.Key, in: reflect.Map})
			c.value(item, as.Elem())
			c.leave()
		}
	case reflect.Slice:
		c.list(n, as)
	case reflect.String:
		if _, text := n.Data().(string); n.Kind != manifest.Scalar || !text {
			c.wants(n, "a text: put it in quotes")
		}
	case reflect.Bool:
		if _, ok := n.Bool(); !ok {
			c.wants(n, "true or false, without quotes")
		}
	case reflect.Int32, reflect.Int64:
		if _, ok := n.Int(); !ok {
			c.wants(n, "a whole number, without quotes")
		}
	}
}

func (c *checker) list(n *manifest.Node, as reflect.Type) {
	if as.Elem().Kind() == reflect.Uint8 {
		return // bytes are written as a text
	}
	if n.Kind != manifest.List {
		c.wants(n, "a list")
		return
	}
	i := 0
	for item := range n.All() {
		c.enter(step{i: i, in: reflect.Slice})
		c.value(item, as.Elem())
		c.leave()
		i++
	}
}

func (c *checker) fields(n *manifest.Node, as reflect.Type) {
	known := fieldsOf(as)
	for item := range n.All() {
		field, ok := known.types[item.Key]
		if ok && field.plain && c.namesOnly {
			continue
		}
		c.enter(step{key: item.Key, in: reflect.Struct})
		if ok {
			c.value(item, field.as)
		} else if !strings.Contains(item.Key, "{{") && c.unknown < maxUnknown {
			c.unknown++
			c.found = append(c.found, Problem{Node: item, Path: c.at(), Near: Near(item.Key, known.names)})
		}
		c.leave()
	}
}

func (c *checker) wants(n *manifest.Node, what string) {
	if !c.namesOnly {
		c.found = append(c.found, Problem{Node: n, Path: c.at(), Wants: what})
	}
}

// has names what a value is.
func has(n *manifest.Node) string {
	switch n.Kind {
	case manifest.Map:
		return "a mapping"
	case manifest.List:
		return "a list"
	}
	if text, ok := n.Data().(string); ok {
		if r := []rune(text); len(r) > 40 {
			text = string(r[:40]) + "…"
		}
		return fmt.Sprintf("the text %q", text)
	}
	return n.Str()
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// reads reports whether a type takes numbers and texts alike.
func reads(t reflect.Type) bool {
	return t == reflect.TypeFor[resource.Quantity]() || t == reflect.TypeFor[intstr.IntOrString]()
}

// field is one field of a type.
type field struct {
	as    reflect.Type
	plain bool // nothing in it has fields of its own
}

// plain reports whether nothing in a value of the type has fields.
func plain(t reflect.Type) bool {
	if reads(t) || reflect.PointerTo(t).Implements(unmarshaler) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct:
		return false
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return plain(t.Elem())
	}
	return true
}

// known are the fields of a type, by their names in JSON.
type known struct {
	names []string
	types map[string]field
}

var cache sync.Map // of known, by type

func fieldsOf(t reflect.Type) known {
	if found, ok := cache.Load(t); ok {
		return found.(known)
	}
	k := known{types: map[string]field{}}
	k.add(t)
	cache.Store(t, k)
	return k
}

func (k *known) add(t reflect.Type) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && f.Anonymous:
			k.add(f.Type)
		case name != "":
			k.names = append(k.names, name)
			k.types[name] = field{f.Type, plain(f.Type)}
		}
	}
}
