package command

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

// maxEmpty is how many names without an object are told one by one.
const maxEmpty = 5

const whatIsRead = "an object has apiVersion and kind, and of a folder *.yaml, *.yml and *.json are read"

// emptiness is what a command makes of names that hold no Kubernetes object.
type emptiness struct{ allowed bool }

func (e *emptiness) add(f *pflag.FlagSet) {
	f.BoolVar(&e.allowed, "allow-empty", false, "do not fail if nothing that was named holds an object: for hooks that name whatever files changed")
}

// tellNames names on w what holds no object. It gives an error if nothing does, unless that is allowed, or
// unless something could not be read.
func (e *emptiness) tellNames(w io.Writer, in *manifest.Input, names []string) error {
	held, elsewhere := paths{}, sync.OnceValue(func() paths { return realPaths(in) })
	for _, f := range in.Files {
		if len(f.Objects) > 0 {
			held.add(f.Path)
		}
	}
	some := len(held) > 0
	for _, p := range in.Problems { // they are told elsewhere
		held.add(p.Path)
	}
	var empty []string
	for _, name := range names {
		if !held[filepath.Clean(name)] && !elsewhere().hold(name) {
			empty = append(empty, shown(name))
		}
	}
	switch {
	case !some && len(in.Problems) == 0 && !e.allowed:
		return fmt.Errorf("no Kubernetes object in %s: %s", list(empty), whatIsRead)
	case len(empty) > 0:
		printable.Fprintf(w, "no Kubernetes object in %s: %s\n", list(empty), whatIsRead)
	}
	return nil
}

// paths are those of files, and of the folders that hold them.
type paths map[string]bool

func (p paths) add(path string) {
	for path = filepath.Clean(path); !p[path]; path = filepath.Dir(path) {
		p[path] = true
		if filepath.Base(path) == ".." {
			return // what lies above it has no such name
		}
	}
}

// realPaths are where the objects really are: each file is read once, under one of its names.
func realPaths(in *manifest.Input) paths {
	all := paths{}
	for _, f := range in.Files {
		if real, err := manifest.RealPath(f.Path); err == nil && len(f.Objects) > 0 {
			all.add(real)
		}
	}
	return all
}

// hold reports whether a name leads to one of the paths.
func (p paths) hold(name string) bool {
	real, err := manifest.RealPath(name)
	return err == nil && name != "-" && p[real]
}

func shown(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

func list(names []string) string {
	if len(names) > maxEmpty {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxEmpty], ", "), len(names)-maxEmpty)
	}
	return strings.Join(names, ", ")
}
