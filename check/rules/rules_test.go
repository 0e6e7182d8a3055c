package rules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
)

var update = flag.Bool("update", false, "write what the rules say into testdata")

// TestRules walks testdata: for each rule a folder with bad.yaml and what is
// expected of it, good.yaml with nothing to find, and fixed.yaml if the rule
// can mend. images.yaml and config.yaml set the scene where one is needed.
func TestRules(t *testing.T) {
	var folders []string
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		folders = append(folders, e.Name())
	}
	var names []string
	for _, r := range All() {
		names = append(names, r.Name)
		t.Run(r.Name, func(t *testing.T) { testRule(t, r, filepath.Join("testdata", r.Name)) })
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, folders); diff != "" {
		t.Errorf("rules (-) and folders of testdata (+) do not match:\n%s", diff)
	}
}

func testRule(t *testing.T, r *check.Rule, dir string) {
	o := options(t, r, dir)
	bad := run(t, o, "bad.yaml", read(t, filepath.Join(dir, "bad.yaml")))
	if len(bad) == 0 {
		t.Error("bad.yaml: nothing found")
	}
	var text bytes.Buffer
	if err := findings.Write(&text, "json", &findings.Result{Findings: bad}, false); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join(dir, "expected.json"), findingsOnly(t, text.Bytes()))
	if good := run(t, o, "good.yaml", read(t, filepath.Join(dir, "good.yaml"))); len(good) != 0 {
		t.Errorf("good.yaml: found %+v", good)
	}

	fixable := slices.ContainsFunc(bad, func(f findings.Finding) bool { return f.Fix != "" })
	path := filepath.Join(dir, "fixed.yaml")
	if _, err := os.Stat(path); !fixable && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there, but nothing in bad.yaml can be mended", path)
	}
	if !fixable {
		return
	}
	fixed := fix(t, o, read(t, filepath.Join(dir, "bad.yaml")))
	golden(t, path, []byte(fixed))
	for _, f := range run(t, o, "fixed.yaml", fixed) {
		if f.Fix != "" {
			t.Errorf("fixed.yaml: still found %+v", f)
		}
	}
	if again := fix(t, o, fixed); again != fixed {
		t.Errorf("fixing twice differs:\n%s", cmp.Diff(fixed, again))
	}
}

// findingsOnly is the JSON report's list, without the counts.
func findingsOnly(t *testing.T, text []byte) []byte {
	t.Helper()
	var full struct {
		Findings []json.RawMessage `json:"findings"`
	}
	if err := json.Unmarshal(text, &full); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(full.Findings); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func options(t *testing.T, r *check.Rule, dir string) check.Options {
	t.Helper()
	o := check.Options{Rules: []*check.Rule{r}}
	if text, err := os.ReadFile(filepath.Join(dir, "images.yaml")); err == nil {
		if o.Images, err = check.ParseImages(text); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "config.yaml")); err == nil {
		if o.Config, err = check.ParseConfig(text, All()); err != nil {
			t.Fatal(err)
		}
		if o.Target, err = check.ParseVersion(o.Config.KubernetesVersion); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func parse(t *testing.T, name, text string) *manifest.Input {
	t.Helper()
	file, problems := manifest.Parse(name, text)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return &manifest.Input{Files: []*manifest.File{file}}
}

func run(t *testing.T, o check.Options, name, text string) []findings.Finding {
	t.Helper()
	result, err := check.Run(context.Background(), parse(t, name, text), o)
	if err != nil {
		t.Fatal(err)
	}
	return result.Findings
}

func fix(t *testing.T, o check.Options, text string) string {
	t.Helper()
	changes, errs, err := check.Fix(context.Background(), parse(t, "bad.yaml", text),
		check.FixOptions{Options: o, Allow: []string{o.Rules[0].Name}})
	if err != nil || len(errs) > 0 {
		t.Fatal(err, errs)
	}
	if len(changes) == 0 {
		return text
	}
	return changes[0].After
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(read(t, path), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestTexts holds the rules' data to its form.
func TestTexts(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	families := map[string]bool{}
	for _, f := range Families {
		families[f] = true
	}
	seen := map[string]bool{}
	for _, r := range All() {
		if !name.MatchString(r.Name) || seen[r.Name] {
			t.Errorf("%s: a bad or repeated name", r.Name)
		}
		seen[r.Name] = true
		if !families[r.Family] {
			t.Errorf("%s: family %q is not one of %v", r.Name, r.Family, Families)
		}
		for what, text := range map[string]string{"Why": r.Why, "Remedy": r.Remedy} {
			if !strings.HasSuffix(text, ".") || len(text) < 30 {
				t.Errorf("%s: %s is not a sentence: %q", r.Name, what, text)
			}
		}
		if r.Title == "" || strings.HasSuffix(r.Title, ".") || r.Source == "" {
			t.Errorf("%s: title %q, source %q", r.Name, r.Title, r.Source)
		}
		looks := 0
		for _, set := range []bool{r.Workload != nil, r.Service != nil, r.PDB != nil, r.HPA != nil, r.Object != nil} {
			if set {
				looks++
			}
		}
		if looks != 1 {
			t.Errorf("%s: %d functions, want one", r.Name, looks)
		}
	}
}
