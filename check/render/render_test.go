package render

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/check/render/rendertest"
	"github.com/lameduck-dev/lameduck/manifest"
)

// load reads folders of testdata as the commands do.
func load(t *testing.T, r *Renderer, names ...string) *manifest.Input {
	t.Helper()
	for i := range names {
		names[i] = filepath.Join("testdata", names[i])
	}
	r.Scan(names)
	in, err := (&manifest.Loader{Render: r.Folder}).Load(context.Background(), names...)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func objects(in *manifest.Input) string {
	var names []string
	for _, f := range in.Files {
		for _, o := range f.Objects {
			names = append(names, fmt.Sprintf("%s (%s)", o, filepath.Base(f.Path)))
		}
	}
	return strings.Join(names, ", ")
}

func TestChart(t *testing.T) {
	in := load(t, &Renderer{KubernetesVersion: "1.31"}, "chart")
	if got := objects(in); got != "Deployment default/web (deployment.yaml), Service default/web (service.yaml)" || len(in.Problems) > 0 {
		t.Errorf("%s, %v", got, in.Problems)
	}
	f := in.Files[0]
	grace := f.Objects[0].Spec("template", "spec", "terminationGracePeriodSeconds")
	if grace.Str() != "30" || !f.Rendered {
		t.Errorf("grace %v, rendered %v", grace, f.Rendered)
	}
	// The container's name stands once in the template, the grace period's line
	// is made by it.
	name := f.Objects[0].Spec("template", "spec", "containers").Index(0).Get("name")
	if got := func() int { _, l := f.Origin(f.Span(name).Line); return l }(); got != 18 {
		t.Errorf("the name comes from line %d", got)
	}
	if got := func() int { _, l := f.Origin(f.Span(grace).Line); return l }(); got != 0 {
		t.Errorf("the grace period comes from line %d", got)
	}
	if manifest.Editable(f, []manifest.Edit{manifest.Replace(grace, "60")}) {
		t.Error("a rendered file counts as editable")
	}
}

func TestChartValuesAndVersion(t *testing.T) {
	r := &Renderer{KubernetesVersion: "1.31", Values: []string{filepath.Join("testdata", "values-extra.yaml")}}
	in := load(t, r, "chart")
	if got := objects(in); !strings.HasSuffix(got, "ConfigMap extra-31 (service.yaml)") {
		t.Error(got)
	}
	if grace := in.Files[0].Objects[0].Spec("template", "spec", "terminationGracePeriodSeconds"); grace.Str() != "90" {
		t.Errorf("grace %v", grace)
	}
}

// TestKustomize: the overlay is built, the base that it includes is not
// reported by itself, and can still be named.
func TestKustomize(t *testing.T) {
	in := load(t, &Renderer{KubernetesVersion: "1.34"}, "kustomize")
	if got := objects(in); got != "Deployment prod/web (kustomization.yaml)" || len(in.Problems) > 0 {
		t.Fatalf("%s, %v", got, in.Problems)
	}
	o := in.Files[0].Objects[0]
	if o.Spec("replicas").Str() != "4" || o.Spec("template", "spec", "containers").Index(0).Get("image").Str() != "example/web:7" {
		t.Errorf("%v", o.Root)
	}
	if got := objects(load(t, &Renderer{KubernetesVersion: "1.34"}, "kustomize/base")); got != "Deployment web (kustomization.yaml)" {
		t.Error(got)
	}
}

func TestWhatCannotBeRendered(t *testing.T) {
	for name, want := range map[string]string{
		"missing": "left out: dependencies database, which are not in charts/; run helm dependency build first",
		"remote":  "resources names https://github.com/example/repo//deploy?ref=v1, and nothing is fetched; run kustomize build and check its output",
	} {
		in := load(t, &Renderer{KubernetesVersion: "1.34"}, name)
		if len(in.Files) != 0 || len(in.Problems) != 1 || !strings.Contains(in.Problems[0].Text, want) {
			t.Errorf("%s: %v, %v", name, in.Files, in.Problems)
		}
	}
	if in := load(t, &Renderer{KubernetesVersion: "1.34"}, "library"); len(in.Files)+len(in.Problems) != 0 {
		t.Errorf("library: %v", in)
	}
	r := &Renderer{KubernetesVersion: "1.34", Values: []string{"no-such.yaml"}}
	if in := load(t, r, "chart"); len(in.Problems) != 1 || !strings.Contains(in.Problems[0].Text, "no-such.yaml") {
		t.Errorf("values: %v", in.Problems)
	}
}

// TestNameValue: the values that a fix needs are found by rendering, and none
// is named that does not do it.
func TestNameValue(t *testing.T) {
	r := &Renderer{KubernetesVersion: "1.34"}
	o := load(t, r, "chart").Files[0].Objects[0]
	pod := o.Spec("template", "spec")
	container := pod.Get("containers").Index(0)
	hook := manifest.Insert(container, "lifecycle", "preStop:\n  sleep:\n    seconds: 15")
	for _, c := range []struct {
		name  string
		edits []manifest.Edit
		want  string
	}{
		{"by the field's text", []manifest.Edit{manifest.Replace(pod.Get("terminationGracePeriodSeconds"), "45")}, "grace: 45"},
		{"by the field's name", []manifest.Edit{manifest.Replace(o.Spec("replicas"), "3")}, "replicas: 3"},
		{"two", []manifest.Edit{hook, manifest.Replace(pod.Get("terminationGracePeriodSeconds"), "45")},
			`lifecycle: {"preStop": {"sleep": {"seconds": 15}}}, grace: 45`},
		{"none", []manifest.Edit{manifest.Replace(container.Get("name"), "other")}, ""},
		{"not all", []manifest.Edit{hook, manifest.Insert(pod, "hostNetwork", "true")}, ""},
	} {
		if got := r.NameValue(o, c.edits); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestSeparators: documents are split as Helm splits them, whatever stands behind "---".
func TestSeparators(t *testing.T) {
	in := load(t, &Renderer{KubernetesVersion: "1.34"}, "separators")
	if got := objects(in); got != "ConfigMap first (all.yaml), ConfigMap second (all.yaml), ConfigMap third (all.yaml)" || len(in.Problems) > 0 {
		t.Errorf("%s, %v", got, in.Problems)
	}
}

// TestDependencies: one that the values switch off is not missed; one that is missing is told,
// and the chart's own templates are read.
func TestDependencies(t *testing.T) {
	in := load(t, &Renderer{KubernetesVersion: "1.34"}, "dependency-off")
	if len(in.Files) != 1 || len(in.Problems) > 0 {
		t.Errorf("off: %v, %v", in.Files, in.Problems)
	}
	values := filepath.Join(t.TempDir(), "values.yaml")
	rendertest.Put(t, values, "cache: {wanted: true}\ntags: {extras: true}\n")
	in = load(t, &Renderer{KubernetesVersion: "1.34", Values: []string{values}}, "dependency-off")
	if len(in.Files) != 1 || len(in.Problems) != 1 || !strings.Contains(in.Problems[0].Text, "left out: dependencies cache, queue") {
		t.Errorf("on: %v, %v", in.Files, in.Problems)
	}
}

// TestOrigin: what an overlay makes of a base bears the base's file and line.
func TestOrigin(t *testing.T) {
	in := load(t, &Renderer{KubernetesVersion: "1.34"}, "lines")
	if len(in.Files) != 2 || len(in.Problems) > 0 {
		t.Fatalf("%v, %v", in.Files, in.Problems)
	}
	for _, f := range in.Files {
		path, line := f.Origin(f.Span(f.Objects[0].Spec("template", "spec", "terminationGracePeriodSeconds")).Line)
		if path != filepath.Join("testdata", "lines", "base", "app.yaml") || line != 7 {
			t.Errorf("%s:%d", path, line)
		}
		if strings.Contains(f.Src, "config.kubernetes.io/origin") {
			t.Error("the origin shows in what is checked")
		}
	}
}

// TestInternalValues: a value that a chart keeps for itself is not named.
func TestInternalValues(t *testing.T) {
	r := &Renderer{KubernetesVersion: "1.34"}
	o := load(t, r, "internal-values").Files[0].Objects[0]
	grace := o.Spec("template", "spec", "terminationGracePeriodSeconds")
	if got := r.NameValue(o, []manifest.Edit{manifest.Replace(grace, "60")}); got != "terminationGracePeriodSeconds: 60" {
		t.Errorf("%q", got)
	}
}
