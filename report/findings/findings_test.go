package findings

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// sample has what is hard to print: a long line, markup, control characters,
// percent signs, a finding without a line, and parts that were not readable.
var sample = &Result{
	Rules: []RuleText{
		{Name: "no-prestop", Title: "No hook", Why: "It loses.", Remedy: "Add one.", Source: "https://example.com/why", Severity: Warning},
		{Name: "quiet-rule", Title: "Nothing here", Why: "Why.", Remedy: "Do.", Source: "kubelet", Severity: Info},
	},
	Findings: []Finding{
		{Rule: "no-prestop", Severity: Error, Confidence: Certain, File: "deploy/ä b.yaml", Line: 7, Column: 9, EndLine: 7, EndColumn: 12,
			Object: "Deployment shop/web", Message: "container <web> has no hook, 100%", Remedy: "Add & wait", Text: "  name: web # <b>", Fix: FixSafe},
		{Rule: "no-prestop", Severity: Info, Confidence: Possible, File: "-", Line: 1, Column: 150, EndLine: 2, EndColumn: 3,
			Object: "Pod x", Message: "a\x1b[31mred\nline", Remedy: "Do.", Text: strings.Repeat("long ", 40)},
	},
	Unreadable: []Unreadable{{File: "broken.yaml", Line: 3, Message: "indented with a tab"}, {File: "gone.yaml", Message: "no such file"}},
	Summary:    Summary{Files: 2, Objects: 1, Errors: 1, Infos: 1, Suppressed: 4},
}

func TestFormats(t *testing.T) {
	for _, format := range Formats {
		t.Run(format, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, format, sample, false); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "sample."+format)
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Error(diff)
			}
			if format != "html" && bytes.Contains(b.Bytes(), []byte("\x1b")) {
				t.Error("a control sequence from the input came through")
			}
		})
	}
	if err := Write(&bytes.Buffer{}, "yaml", sample, false); err == nil || !strings.Contains(err.Error(), "want one of text, json") {
		t.Errorf("unknown format: %v", err)
	}
}

func TestColour(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, "text", sample, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\x1b[31;1merror\x1b[0m") || strings.Contains(b.String(), "\x1b[31mred") {
		t.Errorf("%q", b.String())
	}
}

func TestMachineFormatsParse(t *testing.T) {
	for _, format := range []string{"json", "sarif"} {
		var b bytes.Buffer
		if err := Write(&b, format, sample, false); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(b.Bytes()) {
			t.Errorf("%s is not valid JSON", format)
		}
	}
	var b bytes.Buffer
	if err := Write(&b, "junit", sample, false); err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(b.Bytes(), &suites); err != nil || suites.Failures != 2 || suites.Errors != 2 || suites.Tests != 5 {
		t.Errorf("%+v, %v", suites, err)
	}
}

func TestEmptyIsStable(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, "json", &Result{}, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"findings": []`, `"unreadable": []`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in %s", want, b.String())
		}
	}
}
