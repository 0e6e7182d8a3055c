package command

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

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
	held := func(f *manifest.File) bool { return len(f.Objects) > 0 }
	var empty []string
	for _, name := range names {
		if !holds(name, in) {
			empty = append(empty, shown(name))
		}
	}
	some := slices.ContainsFunc(in.Files, held)
	switch {
	case !some && len(in.Problems) == 0 && !e.allowed:
		return fmt.Errorf("no Kubernetes object in %s: %s", list(empty), whatIsRead)
	case len(empty) > 0:
		printable.Fprintf(w, "no Kubernetes object in %s: %s\n", list(empty), whatIsRead)
	}
	return nil
}

// holds reports whether a name led to an object, or to what can't be read, which is told elsewhere.
func holds(name string, in *manifest.Input) bool {
	if slices.ContainsFunc(in.Problems, func(p manifest.Problem) bool { return within(p.Path, name) }) {
		return true
	}
	for _, f := range in.Files {
		if within(f.Path, name) && len(f.Objects) > 0 {
			return true
		}
	}
	return elsewhere(name, in)
}

// elsewhere reports whether a name is another one of what was read: each file is read once.
func elsewhere(name string, in *manifest.Input) bool {
	real, err := filepath.EvalSymlinks(name)
	if err != nil || name == "-" {
		return false
	}
	for _, f := range in.Files {
		if path, err := filepath.EvalSymlinks(f.Path); err == nil && len(f.Objects) > 0 && within(absolute(path), absolute(real)) {
			return true
		}
	}
	return false
}

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// within reports whether path is name, or in it.
func within(path, name string) bool {
	rel, err := filepath.Rel(name, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
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
