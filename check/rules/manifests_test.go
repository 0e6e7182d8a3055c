package rules

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/check"
)

// TestFixKeepsJSON: a file that is mended is still what jq and kubectl read.
func TestFixKeepsJSON(t *testing.T) {
	paths, err := filepath.Glob("../testdata/json/*.json")
	if err != nil || len(paths) < 3 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		in := parse(t, path, read(t, path))
		changes, failed, err := check.Fix(context.Background(), in, check.FixOptions{Options: check.Options{Rules: All()}})
		if err != nil || len(failed) > 0 || len(changes) != 1 {
			t.Fatalf("%s: %v, %v, %d changes", path, err, failed, len(changes))
		}
		if after := changes[0].After; !json.Valid([]byte(after)) || !strings.Contains(after, `"terminationGracePeriodSeconds":`) {
			t.Errorf("%s became\n%s", path, after)
		}
	}
}

// TestPlaceholders: a value that is filled in later is unknown. Nothing is found
// by it, whatever writes it, and nothing is written over it.
func TestPlaceholders(t *testing.T) {
	const path = "../testdata/placeholders.yaml"
	src := read(t, path)
	for _, kind := range []string{
		"${%}", "$%", `"{{ % }}"`, "<%= % %>", "__%__", "$(%)", "<%>", "%", "%s", "30 s", "30s", `"30"`, "30.5", "(( % ))", "[[ % ]]",
		"!!str 30", "'#{%}#'", "#{%}#", "#{%}", "#%#", "null #{%}#",
	} {
		fill := func(name string) string { return strings.ReplaceAll(kind, "%", name) }
		if kind == "<%= % %>" {
			fill = func(name string) string { return "<%= " + name + " %>" }
		}
		text := strings.NewReplacer("${REPLICAS}", fill("REPLICAS"), "${GRACE}", fill("GRACE")).Replace(src)
		o := check.Options{Rules: All()}
		result, err := check.Run(context.Background(), parse(t, path, text), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range result.Findings {
			if f.Rule == "prestop-exceeds-grace" || f.Rule == "single-replica" || strings.Contains(f.Message, "30 s") {
				t.Errorf("%s: found %s: %s", kind, f.Rule, f.Message)
			}
		}
		changes, _, err := check.Fix(context.Background(), parse(t, path, text), check.FixOptions{Options: o})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if !strings.Contains(c.After, fill("GRACE")) || !strings.Contains(c.After, fill("REPLICAS")) {
				t.Errorf("%s: a placeholder is gone:\n%s", kind, c.After)
			}
		}
	}
	known := strings.NewReplacer("${REPLICAS}", "1", "${GRACE}", "30").Replace(src)
	result, err := check.Run(context.Background(), parse(t, path, known), check.Options{Rules: All()})
	if err != nil || result.Summary.Errors == 0 {
		t.Errorf("the same with known values: %v, %+v", err, result.Summary)
	}
}

// TestPodsAreFound: pods are found in the kinds of OpenKruise and Argo, and in those
// that have a pod template where nearly all have it.
func TestPodsAreFound(t *testing.T) {
	cloneset := read(t, "../testdata/cloneset.yaml")
	for name, c := range map[string]struct {
		src  string
		want []string
	}{
		"CloneSet":         {cloneset, []string{"no-prestop", "no-readiness", "max-unavailable-all"}},
		"a kind not known": {strings.NewReplacer("apps.kruise.io/v1alpha1", "example.com/v1", "CloneSet", "Shop").Replace(cloneset), []string{"no-prestop", "no-readiness"}},
		"workloadRef":      {read(t, "../testdata/rollout-workloadref.yaml"), []string{"no-prestop", "no-readiness", "max-unavailable-all"}},
	} {
		result, err := check.Run(context.Background(), parse(t, name, c.src), check.Options{Rules: All()})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, f := range result.Findings {
			found[f.Rule] = true
		}
		for _, rule := range c.want {
			if !found[rule] {
				t.Errorf("%s: no %s in %v", name, rule, found)
			}
		}
	}
}
