package check

import (
	"context"
	"fmt"
	"slices"

	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
)

// FixOptions says what may be fixed.
type FixOptions struct {
	Options
	Allow []string // rules whose fixes may change what the manifest means
}

// Change is what a fix makes of one file.
type Change struct {
	Path          string
	Before, After string
	Fixed         []findings.Finding
}

// maxRounds bounds how often the fixed text is checked again. A fix that makes room for another
// needs two; documents are appended one a round.
const maxRounds = 64

// Fix fixes what can be fixed, in memory, and returns the files that change. Each round's text is
// parsed and checked again before the next, so that two fixes of one place never see each other's
// half. errs has an error for each finding that could not be fixed.
func Fix(ctx context.Context, in *manifest.Input, o FixOptions) (changes []Change, errs []error, err error) {
	files := slices.Clone(in.Files)
	changed := map[int]*Change{}
	tried := map[string]bool{} // a finding that outlives its fix is not fixed again
	for range maxRounds {
		_, drafts, err := find(ctx, files, o.Options)
		if err != nil {
			return nil, nil, err
		}
		again := false
		for i, f := range files {
			mine := o.choose(f, drafts, tried)
			if len(mine) == 0 {
				continue
			}
			text, fixed, problems := applyFixes(f, mine)
			for _, p := range problems {
				tried[p.key] = true
				errs = append(errs, p.err)
			}
			if len(fixed) == 0 {
				continue
			}
			if changed[i] == nil {
				changed[i] = &Change{Path: f.Path, Before: f.Src}
			}
			changed[i].After = text
			changed[i].Fixed = append(changed[i].Fixed, fixed...)
			for _, f := range fixed {
				tried[fingerprint(f)] = true
			}
			files[i], _ = manifest.Parse(f.Path, text)
			again = true
		}
		if !again {
			break
		}
	}
	for i := range files {
		if c := changed[i]; c != nil {
			changes = append(changes, *c)
		}
	}
	return changes, errs, nil
}

// choose picks the findings of a file that may be fixed.
func (o FixOptions) choose(f *manifest.File, drafts []*Draft, tried map[string]bool) []*Draft {
	var out []*Draft
	for _, d := range drafts {
		if d.object.File != f || len(d.edits) == 0 || !manifest.Editable(f, d.edits) {
			continue
		}
		if d.fix == findings.FixAllow && !slices.Contains(o.Allow, d.rule.Name) {
			continue
		}
		finding, suppressed := o.Config.apply(d)
		if !suppressed && !o.Baseline.has(d) && !tried[fingerprint(finding)] {
			out = append(out, d)
		}
	}
	return out
}

type failure struct {
	key string
	err error
}

// applyFixes applies the findings' edits together; where that does not work, one
// after the other, leaving out those that cannot be done beside the others.
func applyFixes(f *manifest.File, drafts []*Draft) (text string, fixed []findings.Finding, problems []failure) {
	var edits []manifest.Edit
	for _, d := range drafts {
		if slices.ContainsFunc(d.edits, func(e manifest.Edit) bool { return manifest.Overlap(e, edits) }) {
			continue // its turn comes in the next round
		}
		next := append(slices.Clone(edits), d.edits...)
		after, err := manifest.Apply(f, next)
		if err != nil {
			finding := d.finding()
			problems = append(problems, failure{fingerprint(finding), fmt.Errorf("fixing %s at %s:%d: %w", finding.Rule, finding.File, finding.Line, err)})
			continue
		}
		text, edits = after, next
		fixed = append(fixed, d.finding())
	}
	return text, fixed, problems
}
