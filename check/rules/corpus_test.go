package rules

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/workload"
)

// TestCorpus runs all rules over manifests in the shapes of well-known ones,
// each as an input of its own: what is found must have been reviewed.
func TestCorpus(t *testing.T) {
	dir := filepath.Join("..", "corpus")
	paths, err := filepath.Glob(filepath.Join(dir, "manifests", "*.yaml"))
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d manifests, %v", len(paths), err)
	}
	var found []string
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		in := parse(t, name, read(t, path))
		result, err := check.Run(context.Background(), in, check.Options{Rules: All()})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range result.Findings {
			found = append(found, fmt.Sprintf("%s %d %s", name, f.Line, f.Rule))
		}
	}
	var reviewed []string
	for line := range strings.Lines(read(t, filepath.Join(dir, "reviewed.txt"))) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if len(fields) < 6 {
			t.Fatalf("reviewed.txt: %q gives no reason", line)
		}
		reviewed = append(reviewed, strings.Join(fields[:3], " "))
	}
	if diff := cmp.Diff(reviewed, found); diff != "" {
		t.Errorf("reviewed (-) and found (+) differ; look at each by hand:\n%s", diff)
	}
}

// FuzzFix: whatever the manifest, a fix leaves a text that is readable and
// that it would not mend again.
func FuzzFix(f *testing.F) {
	for _, dir := range []string{"testdata/*/bad.yaml", "../corpus/manifests/*.yaml"} {
		paths, err := filepath.Glob(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			f.Add(read(f, path))
		}
	}
	all := All()
	var allow []string
	for _, r := range all {
		allow = append(allow, r.Name)
	}
	o := check.FixOptions{Options: check.Options{Rules: all}, Allow: allow}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<15 {
			return
		}
		fixed, ok := mended(t, text, o)
		if !ok {
			return
		}
		if again, changed := mended(t, fixed, o); changed {
			t.Fatalf("fixing twice differs\nonce\n%s\ntwice\n%s", fixed, again)
		}
	})
}

// mended is the text after a fix, and whether anything was changed.
func mended(t *testing.T, text string, o check.FixOptions) (string, bool) {
	t.Helper()
	file, _ := workload.Parse("x.yaml", text)
	changes, _, err := check.Fix(context.Background(), &workload.Input{Files: []*workload.File{file}}, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) == 0 {
		return text, false
	}
	if _, problems := workload.Parse("x.yaml", changes[0].After); len(problems) > 0 {
		t.Fatalf("the fix made it unreadable: %v\n%s", problems, changes[0].After)
	}
	return changes[0].After, true
}
