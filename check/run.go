package check

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// Options says what to look for and how.
type Options struct {
	Rules    []*Rule
	Target   Version // DefaultVersion if 0
	Images   Images
	Config   *Config  // nil for none
	Baseline Baseline // nil for none

	// NameValue, if set, says which values of a chart to change so that a
	// rendered object gets what the edits would do; "" if it does not know.
	NameValue func(*manifest.Object, []manifest.Edit) string
}

// Run looks for every rule's flaw in a joined input. The findings come sorted
// by file and place. The error is that of ctx.
func Run(ctx context.Context, in *manifest.Input, o Options) (*findings.Result, error) {
	set, drafts, err := find(ctx, in.Files, o)
	if err != nil {
		return nil, err
	}
	out := &findings.Result{Findings: make([]findings.Finding, 0, len(drafts))}
	for _, r := range o.Rules {
		out.Rules = append(out.Rules, r.Text())
	}
	told := map[findings.Finding]bool{} // what several overlays make of one base is reported once
	for _, d := range drafts {
		f, suppressed := o.Config.apply(d)
		if f.Rendered {
			same := findings.Finding{Rule: f.Rule, File: f.File, Line: f.Line, Message: f.Message}
			if f.Line > 1 && told[same] {
				continue
			}
			told[same] = true
		}
		if suppressed || o.Baseline.has(d) {
			out.Summary.Suppressed++
			continue
		}
		if d.object.File.Rendered && len(d.edits) > 0 && o.NameValue != nil {
			if values := o.NameValue(d.object, d.edits); values != "" {
				f.Remedy += " In the chart's values: " + values
			}
		}
		out.Findings = append(out.Findings, f)
	}
	for _, f := range out.Findings {
		switch f.Severity {
		case findings.Error:
			out.Summary.Errors++
		case findings.Warning:
			out.Summary.Warnings++
		default:
			out.Summary.Infos++
		}
	}
	for _, p := range in.Problems {
		out.Unreadable = append(out.Unreadable, findings.Unreadable{File: p.Path, Line: p.Line, Message: p.Text})
	}
	for _, w := range set.Workloads {
		if len(w.Services) == 0 && !w.Finite() && slices.ContainsFunc(w.Containers, (*workload.Container).Serves) {
			out.Summary.WithoutService++
		}
	}
	out.Summary.Files, out.Summary.Objects = len(in.Files), len(set.Objects)
	return out, nil
}

// look runs the rules over the objects, in chunks spread over the processors.
func look(ctx context.Context, set *workload.Set, o Options) ([]*Draft, error) {
	if o.Target == 0 {
		o.Target = DefaultVersion
	}
	memo := &sync.Map{}
	pass := func() *Pass { return &Pass{Input: set, Target: o.Target, Images: o.Images, memo: memo} }
	jobs := slices.Concat(
		chunks(set.Workloads, pass, o.Rules, func(r *Rule) func(*Pass, *workload.Workload) { return r.Workload }),
		chunks(set.Services, pass, o.Rules, func(r *Rule) func(*Pass, *workload.Service) { return r.Service }),
		chunks(set.PDBs, pass, o.Rules, func(r *Rule) func(*Pass, *workload.PDB) { return r.PDB }),
		chunks(set.HPAs, pass, o.Rules, func(r *Rule) func(*Pass, *workload.HPA) { return r.HPA }),
		chunks(set.Objects, pass, o.Rules, func(r *Rule) func(*Pass, *manifest.Object) { return r.Object }),
	)
	results := make([][]*Draft, len(jobs))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					return
				}
				results[i] = jobs[i]()
			}
		})
	}
	wg.Wait()
	drafts := slices.Concat(results...)
	order(set, drafts)
	return drafts, context.Cause(ctx)
}

// chunkSize is how many objects are looked at together. All rules go over them
// before the next, so that they stay in the processor's cache.
const chunkSize = 32

func chunks[T any](all []T, pass func() *Pass, rules []*Rule, look func(*Rule) func(*Pass, T)) []func() []*Draft {
	rules = slices.DeleteFunc(slices.Clone(rules), func(r *Rule) bool { return look(r) == nil })
	if len(rules) == 0 {
		return nil
	}
	var jobs []func() []*Draft
	for part := range slices.Chunk(all, chunkSize) {
		jobs = append(jobs, func() []*Draft {
			p := pass()
			for _, r := range rules {
				p.rule = r
				for _, each := range part {
					look(r)(p, each)
				}
			}
			return p.drafts
		})
	}
	return jobs
}

// order sorts by the files' order in the input, then by place, then by rule.
func order(set *workload.Set, drafts []*Draft) {
	rank := map[*manifest.File]int{}
	for _, o := range set.Objects {
		if _, seen := rank[o.File]; !seen {
			rank[o.File] = len(rank)
		}
	}
	for _, d := range drafts {
		d.start = d.span().Start
	}
	slices.SortStableFunc(drafts, func(a, b *Draft) int {
		return cmp.Or(
			cmp.Compare(rank[a.object.File], rank[b.object.File]),
			cmp.Compare(a.start, b.start),
			cmp.Compare(a.rule.Name, b.rule.Name),
		)
	})
}
