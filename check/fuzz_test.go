package check_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/check/rules"
	"github.com/lameduck-dev/lameduck/manifest"
)

// FuzzFix: whatever the manifest, a fix leaves a text that is readable and
// that it would not mend again.
func FuzzFix(f *testing.F) {
	for _, dir := range []string{"rules/testdata/*/bad.yaml", "corpus/manifests/*.yaml"} {
		paths, err := filepath.Glob(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	all := rules.All()
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
	file, _ := manifest.Parse("x.yaml", text)
	changes, _, err := check.Fix(context.Background(), &manifest.Input{Files: []*manifest.File{file}}, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) == 0 {
		return text, false
	}
	if _, problems := manifest.Parse("x.yaml", changes[0].After); len(problems) > 0 {
		t.Fatalf("the fix made it unreadable: %v\n%s", problems, changes[0].After)
	}
	return changes[0].After, true
}
