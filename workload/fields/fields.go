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
// stands for, and what a type reads in its own way.
func Check(n *manifest.Node, as reflect.Type) []Problem {
	var c checker
	c.value(n, as, "")
	return c.found
}

type checker struct{ found []Problem }

func (c *checker) value(n *manifest.Node, as reflect.Type, path string) {
	for as.Kind() == reflect.Pointer {
		as = as.Elem()
	}
	if !n.Set() || n.Unfilled() {
		return
	}
	if scalar := reads(as); scalar || reflect.PointerTo(as).Implements(unmarshaler) {
		if scalar && n.Kind != manifest.Scalar {
			c.wants(n, path, "a number or a text")
		}
		return
	}
	switch as.Kind() {
	case reflect.Struct:
		if n.Kind != manifest.Map {
			c.wants(n, path, "fields of its own")
			return
		}
		c.fields(n, as, path)
	case reflect.Map:
		if n.Kind != manifest.Map {
			c.wants(n, path, "keys with values")
			return
		}
		for item := range n.All() {
			c.value(item, as.Elem(), path+"["+item.Key+"]")
		}
	case reflect.Slice:
		c.list(n, as, path)
	case reflect.String:
		if _, text := n.Data().(string); n.Kind != manifest.Scalar || !text {
			c.wants(n, path, "a text: put it in quotes")
		}
	case reflect.Bool:
		if _, ok := n.Bool(); !ok {
			c.wants(n, path, "true or false, without quotes")
		}
	case reflect.Int32, reflect.Int64:
		if _, ok := n.Int(); !ok {
			c.wants(n, path, "a whole number, without quotes")
		}
	}
}

func (c *checker) list(n *manifest.Node, as reflect.Type, path string) {
	if as.Elem().Kind() == reflect.Uint8 {
		return // bytes are written as a text
	}
	if n.Kind != manifest.List {
		c.wants(n, path, "a list")
		return
	}
	i := 0
	for item := range n.All() {
		c.value(item, as.Elem(), fmt.Sprintf("%s[%d]", path, i))
		i++
	}
}

func (c *checker) fields(n *manifest.Node, as reflect.Type, path string) {
	known := fieldsOf(as)
	for item := range n.All() {
		at := strings.TrimPrefix(path+"."+item.Key, ".")
		if field, ok := known.types[item.Key]; ok {
			c.value(item, field, at)
		} else if !strings.Contains(item.Key, "{{") {
			c.found = append(c.found, Problem{Node: item, Path: at, Near: Near(item.Key, known.names)})
		}
	}
}

func (c *checker) wants(n *manifest.Node, path, what string) {
	c.found = append(c.found, Problem{Node: n, Path: path, Wants: what})
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

// known are the fields of a type, by their names in JSON.
type known struct {
	names []string
	types map[string]reflect.Type
}

var cache sync.Map // of known, by type

func fieldsOf(t reflect.Type) known {
	if found, ok := cache.Load(t); ok {
		return found.(known)
	}
	k := known{types: map[string]reflect.Type{}}
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
			k.types[name] = f.Type
		}
	}
}
