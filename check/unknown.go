package check

import (
	"context"
	"iter"
	"slices"

	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/workload"
)

// fillings are what unknown numbers may turn out to be. A finding counts only if
// it stands with each of them: what the input does not show, no rule guesses.
var fillings = []func(i int) string{
	func(int) string { return "0" },
	func(int) string { return "1" },
	func(int) string { return "100000" },
	func(int) string { return "true" },
	func(i int) string { return []string{"1", "100000"}[i%2] },
	func(i int) string { return []string{"100000", "1"}[i%2] },
}

// identity is what makes two findings one.
type identity struct {
	rule, path, message string
	start               int
}

func identityOf(d *Draft) identity {
	return identity{d.rule.Name, d.object.File.Path, d.message, d.span().Start}
}

// find runs the rules over the files' objects, and keeps what does not depend on a number that is not
// known.
func find(ctx context.Context, files []*manifest.File, o Options) (*workload.Set, []*Draft, error) {
	set := workload.Join(files)
	drafts, err := look(ctx, set, o)
	if err != nil {
		return set, drafts, err
	}
	for filled := range Filled(files) {
		others, err := look(ctx, workload.Join(filled), o)
		if err != nil {
			return nil, nil, err
		}
		stands := make(map[identity]bool, len(others))
		for _, d := range others {
			stands[identityOf(d)] = true
		}
		drafts = slices.DeleteFunc(drafts, func(d *Draft) bool { return !stands[identityOf(d)] })
	}
	return set, drafts, nil
}

// Filled gives the files with each unknown number filled in, in every way that is tried; nothing if there
// is none. What is not the same for all of them, and for the files as they are, depends on such a number.
func Filled(files []*manifest.File) iter.Seq[[]*manifest.File] {
	return func(yield func([]*manifest.File) bool) {
		if !slices.ContainsFunc(files, func(f *manifest.File) bool { return f.Unknown() }) {
			return
		}
		for _, fill := range fillings {
			filled := slices.Clone(files)
			for i, f := range files {
				if f.Unknown() {
					filled[i] = f.Filled(fill)
				}
			}
			if !yield(filled) {
				return
			}
		}
	}
}
