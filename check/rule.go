package check

import (
	"fmt"
	"path/filepath"
	"sync"

	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/fields"
)

// Rule is one flaw that can be found. The texts are data: explain, the pages
// under docs/rules and every report print them.
type Rule struct {
	Name       string // kebab-case; never changes, suppressions name it
	Family     string // budget, hooks, signals, probes, routing, rollout, sidecars, deprecated
	Severity   findings.Severity
	Confidence findings.Confidence
	Title      string // what is wrong, in one line
	Why        string // what it does to a stop's two timelines
	Remedy     string // what to do
	Source     string // where the behaviour can be read

	// Exactly one of these looks for it; each is called with every object of
	// its kind, from several goroutines.
	Workload func(*Pass, *workload.Workload)
	Service  func(*Pass, *workload.Service)
	PDB      func(*Pass, *workload.PDB)
	HPA      func(*Pass, *workload.HPA)
	Object   func(*Pass, *manifest.Object)
}

// Text is what reports tell of the rule.
func (r *Rule) Text() findings.RuleText {
	return findings.RuleText{
		Name: r.Name, Title: r.Title, Why: r.Why, Remedy: r.Remedy, Source: r.Source, Severity: r.Severity,
	}
}

// FindRule is the rule of a name. Its error says which one was probably meant.
func FindRule(all []*Rule, name string) (*Rule, error) {
	var names []string
	for _, r := range all {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	hint := ""
	if near := fields.Near(name, names); near != "" {
		hint = "did you mean " + near + "? "
	}
	return nil, fmt.Errorf("no rule is called %q: %s`lameduck rules` lists them", name, hint)
}

// Pass is one rule's view of the input, and takes its findings.
type Pass struct {
	Input  *workload.Set
	Target Version // the cluster's version
	Images Images  // what is known of images

	rule   *Rule
	drafts []*Draft
	memo   *sync.Map
}

// Once computes something about the whole input once for all callers with the same key, in whatever
// goroutine.
func (p *Pass) Once(key any, compute func() any) any {
	get, _ := p.memo.LoadOrStore(key, sync.OnceValue(compute))
	return get.(func() any)()
}

// Report adds a finding at a node of an object. The message says what was
// found, with its numbers; the rule's texts say the rest. A nil node means the
// object as a whole: its name.
func (p *Pass) Report(o *manifest.Object, at *manifest.Node, format string, args ...any) *Draft {
	if at == nil {
		if at = o.Root.Get("metadata", "name"); at == nil {
			at = o.Root.Get("kind")
		}
	}
	d := &Draft{
		rule: p.rule, object: o, at: at, message: fmt.Sprintf(format, args...),
		severity: p.rule.Severity, confidence: p.rule.Confidence, remedy: p.rule.Remedy,
	}
	p.drafts = append(p.drafts, d)
	return d
}

// Draft is a finding that a rule is still writing.
type Draft struct {
	rule       *Rule
	object     *manifest.Object
	also       *manifest.Object // whose annotations may suppress it too
	at         *manifest.Node
	text       string // what to point at within a value of several lines
	nth        int
	start      int // offset in the file, once the rules are through
	message    string
	remedy     string
	severity   findings.Severity
	confidence findings.Confidence
	edits      []manifest.Edit
	fix        findings.Fix
}

// As overrides the rule's severity and confidence for this finding.
func (d *Draft) As(s findings.Severity, c findings.Confidence) *Draft {
	d.severity, d.confidence = s, c
	return d
}

// In points at a text within a value of several lines, its nth occurrence
// counted from 0: a command of a script, a line of a configuration file.
func (d *Draft) In(text string, nth int) *Draft {
	d.text, d.nth = text, nth
	return d
}

// Do overrides the rule's remedy with one that has this finding's numbers.
func (d *Draft) Do(format string, args ...any) *Draft {
	d.remedy = fmt.Sprintf(format, args...)
	return d
}

// Of names a workload that the finding is about when the place is in another
// object, so that the workload's annotations can suppress it.
func (d *Draft) Of(w *workload.Workload) *Draft {
	d.also = w.Object
	return d
}

// Fix offers edits that lose nothing in any case.
func (d *Draft) Fix(edits ...manifest.Edit) *Draft {
	d.edits, d.fix = edits, findings.FixSafe
	return d
}

// FixIfAllowed offers edits that change what the manifest means.
func (d *Draft) FixIfAllowed(edits ...manifest.Edit) *Draft {
	d.edits, d.fix = edits, findings.FixAllow
	return d
}

func (d *Draft) span() manifest.Span {
	if d.text == "" {
		return d.object.File.Span(d.at)
	}
	return d.object.File.Within(d.at, d.text, d.nth)
}

func (d *Draft) finding() findings.Finding {
	s := d.span()
	f := findings.Finding{
		Rule: d.rule.Name, Severity: d.severity, Confidence: d.confidence,
		File: d.object.File.Path, Line: s.Line, Column: s.Column, EndLine: s.EndLine, EndColumn: s.EndColumn,
		Object: d.object.String(), Message: d.message, Remedy: d.remedy,
	}
	f.Text, f.Skipped = d.object.File.Excerpt(s)
	if d.object.File.Rendered {
		f.Rendered = true
		f.File, f.Line = d.object.File.Source(d.object, d.at, s.Line)
		f.Line = max(1, f.Line)
		if built := filepath.Dir(d.object.File.Path); len(d.object.File.Pieces) > 0 && built != filepath.Dir(f.File) {
			f.BuiltBy = built
		}
		f.EndLine = f.Line
		f.Column, f.EndColumn, f.Skipped = 0, 0, 0 // columns of rendered text mean nothing to the reader
	}
	if manifest.Editable(d.object.File, d.edits) {
		f.Fix = d.fix
	}
	return f
}
