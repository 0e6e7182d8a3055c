package check_test

import (
	"context"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// replicasRule stands for any rule: it finds spec.replicas of 1 and can mend it.
func replicasRule(safe bool) *check.Rule {
	return &check.Rule{
		Name: "few-replicas", Family: "rollout", Severity: findings.Warning, Confidence: findings.Certain,
		Title: "Few", Why: "Why it is.", Remedy: "What to do.", Source: "here",
		Workload: func(p *check.Pass, w *workload.Workload) {
			n, at := w.Replicas()
			if n != 1 {
				return
			}
			d := p.Report(w.Object, at, "%s has one replica", w)
			if at == nil {
				return
			}
			if safe {
				d.Fix(manifest.Replace(at, "2"))
			} else {
				d.FixIfAllowed(manifest.Replace(at, "2"))
			}
		},
	}
}

func deployment(name, annotations, templateAnnotations string) string {
	return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ` + name + `
  annotations: {` + annotations + `}
spec:
  replicas: 1
  template:
    metadata:
      annotations: {` + templateAnnotations + `}
    spec:
      containers: [{name: a, image: b}]
---
`
}

func input(t *testing.T, texts ...string) *manifest.Input {
	t.Helper()
	in := &manifest.Input{}
	for i, text := range texts {
		f, problems := manifest.Parse(string(rune('a'+i))+".yaml", text)
		in.Files = append(in.Files, f)
		in.Problems = append(in.Problems, problems...)
	}
	return in
}

func run(t *testing.T, in *manifest.Input, o check.Options) *findings.Result {
	t.Helper()
	if o.Rules == nil {
		o.Rules = []*check.Rule{replicasRule(true)}
	}
	r, err := check.Run(context.Background(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func objects(r *findings.Result) string {
	var names []string
	for _, f := range r.Findings {
		names = append(names, strings.TrimPrefix(f.Object, "Deployment "))
	}
	return strings.Join(names, " ")
}

func TestSuppression(t *testing.T) {
	const reason, none = `lameduck.dev/ignore.few-replicas: "batch, runs once"`, `lameduck.dev/ignore.few-replicas: " "`
	in := input(t,
		deployment("plain", "", "")+deployment("object", reason, "")+deployment("template", "", reason)+deployment("no-reason", none, ""),
		deployment("other", `lameduck.dev/ignore.other: x`, ""))
	for _, c := range []struct {
		name, config, want string
		suppressed         int
	}{
		{"annotations", "", "plain no-reason other", 2},
		{"off", "rules: {few-replicas: off}", "", 5},
		{"by file", "ignore: [{rule: few-replicas, file: 'b.*', reason: x}]", "plain no-reason", 3},
		{"by object", "ignore: [{rule: few-replicas, object: 'Deployment pl*', reason: x}]", "no-reason other", 3},
		{"by neither", "ignore: [{rule: few-replicas, object: 'Deployment pl*', file: b.yaml, reason: x}]", "plain no-reason other", 2},
	} {
		o := check.Options{}
		if c.config != "" {
			config, err := check.ParseConfig([]byte(c.config), []*check.Rule{replicasRule(true)})
			if err != nil {
				t.Fatal(c.name, err)
			}
			o.Config = config
		}
		r := run(t, in, o)
		if got := objects(r); got != c.want || r.Summary.Suppressed != c.suppressed {
			t.Errorf("%s: %q and %d suppressed, want %q and %d", c.name, got, r.Summary.Suppressed, c.want, c.suppressed)
		}
	}
}

func TestConfigSeverity(t *testing.T) {
	config, err := check.ParseConfig([]byte("rules: {few-replicas: error}"), []*check.Rule{replicasRule(true)})
	if err != nil {
		t.Fatal(err)
	}
	if r := run(t, input(t, deployment("a", "", "")), check.Options{Config: config}); r.Findings[0].Severity != findings.Error || r.Summary.Errors != 1 {
		t.Errorf("%+v", r)
	}
}

func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"rules: {no-such: off}":                                `no rule is called "no-such"`,
		"rules: {few-replicas: loud}":                          "want one of info, warning, error, off",
		"ignore: [{rule: few-replicas}]":                       "a reason is required",
		"ignore: [{rule: x, reason: y}]":                       `ignore 1: no rule is called "x"`,
		"ignore: [{rule: few-replicas, file: '[', reason: y}]": "pattern",
		"unknown: 1": `unknown field "unknown"`,
		"a: [":       "yaml",
	} {
		if _, err := check.ParseConfig([]byte(text), []*check.Rule{replicasRule(true)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestBaseline(t *testing.T) {
	before := run(t, input(t, deployment("old", "", "")), check.Options{})
	text, err := check.WriteBaseline(before.Findings)
	if err != nil {
		t.Fatal(err)
	}
	baseline, err := check.ParseBaseline(text)
	if err != nil {
		t.Fatal(err)
	}
	// The old finding has moved down in the file and stays known.
	r := run(t, input(t, "# a new line\n\n"+deployment("new", "", "")+deployment("old", "", "")), check.Options{Baseline: baseline})
	if got := objects(r); got != "new" || r.Summary.Suppressed != 1 {
		t.Errorf("%q, %+v", got, r.Summary)
	}
	if _, err := check.ParseBaseline([]byte("x")); err == nil || !strings.Contains(err.Error(), "--write-baseline") {
		t.Errorf("a broken baseline: %v", err)
	}
}

func TestFix(t *testing.T) {
	src := deployment("a", "", "") + deployment("b", `lameduck.dev/ignore.few-replicas: wanted`, "")
	for _, c := range []struct {
		name   string
		safe   bool
		allow  []string
		mended int
	}{
		{"safe", true, nil, 1},
		{"not allowed", false, nil, 0},
		{"allowed", false, []string{"few-replicas"}, 1},
	} {
		changes, errs, err := check.Fix(context.Background(), input(t, src), check.FixOptions{
			Options: check.Options{Rules: []*check.Rule{replicasRule(c.safe)}}, Allow: c.allow,
		})
		if err != nil || len(errs) > 0 {
			t.Fatal(err, errs)
		}
		mended := 0
		for _, change := range changes {
			mended += len(change.Fixed)
			if want := strings.Replace(src, "replicas: 1", "replicas: 2", 1); change.After != want {
				t.Errorf("%s: got\n%s", c.name, change.After)
			}
		}
		if mended != c.mended {
			t.Errorf("%s: %d mended", c.name, mended)
		}
	}
}

// TestFixLeavesBrokenFiles: a file of which a part cannot be read is not
// touched, the others are.
func TestFixLeavesBrokenFiles(t *testing.T) {
	in := input(t, deployment("a", "", "")+"\tbroken: [\n", deployment("b", "", ""))
	changes, _, err := check.Fix(context.Background(), in, check.FixOptions{Options: check.Options{Rules: []*check.Rule{replicasRule(true)}}})
	if err != nil || len(changes) != 1 || changes[0].Path != "b.yaml" {
		t.Errorf("%+v, %v", changes, err)
	}
}

func TestDiff(t *testing.T) {
	before := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15"
	for _, c := range []struct{ name, after, want string }{
		{"change", strings.Replace(before, "5\n", "five\n", 1), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"},
		{"two hunks", strings.Replace(strings.Replace(before, "2\n", "", 1), "\n13", "\nx\n13", 1),
			"@@ -1,5 +1,4 @@\n 1\n-2\n 3\n 4\n 5\n@@ -10,6 +9,7 @@\n 10\n 11\n 12\n+x\n 13\n 14\n 15\n\\ No newline at end of file\n"},
		{"end", before + "\n16\n", "@@ -12,4 +12,5 @@\n 12\n 13\n 14\n-15\n\\ No newline at end of file\n+15\n+16\n"},
	} {
		got := check.Diff(check.Change{Path: "/x.yaml", Before: before, After: c.after})
		if want := "--- a/x.yaml\n+++ b/x.yaml\n" + c.want; got != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for s, want := range map[string]check.Version{"1.34": 34, "v1.30.2": 30, "1.28+": 28, "2.1": 0, "1": 0, "x": 0, "1.x": 0} {
		if got, err := check.ParseVersion(s); got != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
}

func TestRunStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := check.Run(ctx, input(t, deployment("a", "", "")), check.Options{Rules: []*check.Rule{replicasRule(true)}}); err == nil {
		t.Error("no error")
	}
}
