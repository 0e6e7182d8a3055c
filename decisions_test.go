package lameduck_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// decision is the name and the number of a decision's page.
var decision = regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)

// TestDecisionsAreNumbered: a number has one page, whose heading says it; within a subject, which the
// first three digits name, there are no holes; the index lists every page.
func TestDecisionsAreNumbered(t *testing.T) {
	const folder = "docs/decisions"
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	last := 0
	for _, entry := range entries {
		if entry.Name() == "README.md" {
			continue
		}
		match := decision.FindStringSubmatch(entry.Name())
		if match == nil {
			t.Errorf("%s: the name of a decision is NNNN-some-words.md", entry.Name())
			continue
		}
		number, _ := strconv.Atoi(match[1]) // four digits
		switch {
		case number == last:
			t.Errorf("%s: another page has the number", entry.Name())
		case number%10 != 0 && number != last+1:
			t.Errorf("%s: there is no %04d", entry.Name(), number-1)
		}
		last = number
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		heading, _, _ := strings.Cut(string(text), "\n")
		title, ok := strings.CutPrefix(heading, "# "+match[1]+": ")
		if !ok {
			t.Errorf("%s: its heading is %q, want %q", entry.Name(), heading, "# "+match[1]+": what was decided")
		}
		fmt.Fprintf(&list, "- [%s](%s): %s\n", match[1], entry.Name(), title)
	}
	before, _, found := strings.Cut(string(index), "- [0001]")
	if want := before + list.String(); !found || want != string(index) {
		if *update {
			if err := os.WriteFile(filepath.Join(folder, "README.md"), []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Errorf("%s/README.md does not list the decisions as they are: go test . -run Decisions -update", folder)
	}
}

// TestDecisionsCited: what code and documents cite by number is there.
func TestDecisionsCited(t *testing.T) {
	cited := regexp.MustCompile(`(?:docs/decisions/|decisions/|[Dd]ecision \[?)(\d{4})`)
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if err == nil && entry.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".md" && ext != ".yaml" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range cited.FindAllStringSubmatch(string(text), -1) {
			if pages, _ := filepath.Glob("docs/decisions/" + match[1] + "-*.md"); len(pages) != 1 {
				t.Errorf("%s cites decision %s, which is not there", path, match[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
