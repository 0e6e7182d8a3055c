package rules

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lameduck-dev/lameduck/check"
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
