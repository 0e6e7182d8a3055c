// Package findings holds what a check found, and writes it as text, JSON, SARIF, JUnit, GitHub
// annotations and HTML.
package findings

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// Severity says how much a finding matters.
type Severity int

// Info is worth knowing; Warning loses requests in a situation that will arise; Error loses them,
// or fails, every time.
const (
	Info Severity = iota
	Warning
	Error
)

var severities = []string{"info", "warning", "error"}

func (s Severity) String() string { return severities[s] }

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the severity's name.
func (s *Severity) UnmarshalText(text []byte) error {
	i := slices.Index(severities, string(text))
	if i < 0 {
		return fmt.Errorf("severity %q: want one of %s", text, strings.Join(severities, ", "))
	}
	*s = Severity(i)
	return nil
}

// Confidence says how sure a finding is, given what the input shows.
type Confidence int

// Possible depends on what the input does not show; Likely holds for nearly
// all inputs that look like this; Certain follows from the input alone.
const (
	Possible Confidence = iota
	Likely
	Certain
)

var confidences = []string{"possible", "likely", "certain"}

func (c Confidence) String() string { return confidences[c] }

// MarshalText writes the confidence's name.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the confidence's name.
func (c *Confidence) UnmarshalText(text []byte) error {
	i := slices.Index(confidences, string(text))
	if i < 0 {
		return fmt.Errorf("confidence %q: want one of %s", text, strings.Join(confidences, ", "))
	}
	*c = Confidence(i)
	return nil
}

// Finding is one flaw at one place. Lines and columns count from 1, columns in
// characters; the end is exclusive. Columns are 0 where they are not known, in
// rendered text. The JSON names are stable.
type Finding struct {
	Rule       string     `json:"rule"`
	Severity   Severity   `json:"severity"`
	Confidence Confidence `json:"confidence"`
	File       string     `json:"file"`
	Line       int        `json:"line"`
	Column     int        `json:"column"`
	EndLine    int        `json:"endLine"`
	EndColumn  int        `json:"endColumn"`
	Object     string     `json:"object"`
	Message    string     `json:"message"`
	Remedy     string     `json:"remedy"`
	Fix        Fix        `json:"fix,omitempty"`
	Rendered   bool       `json:"rendered,omitempty"` // found in a template's output; the line is the template's, or 1

	BuiltBy string `json:"builtBy,omitempty"` // the overlay that made the object what it is, if the file is its base's

	Text    string `json:"-"` // the line it stands on, of a long one the part around the place
	Skipped int    `json:"-"` // characters of the line in front of Text
}

// Place is the file and line, and the column if it is known.
func (f Finding) Place() string {
	if f.Column == 0 {
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// Fix says whether `lameduck fix` can fix a finding.
type Fix string

// The values of Fix; empty if it has to be fixed by hand.
const (
	FixSafe  Fix = "safe"
	FixAllow Fix = "allow" // changes meaning: only with --allow RULE
)

// Unreadable is an input, or a part of one, that could not be read.
type Unreadable struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

// RuleText is what a report tells of a rule.
type RuleText struct {
	Name, Title, Why, Remedy, Source string
	Severity                         Severity
}

// Result is what a check found.
type Result struct {
	Findings   []Finding    `json:"findings"`
	Unreadable []Unreadable `json:"unreadable"`
	Summary    Summary      `json:"summary"`

	Rules []RuleText `json:"-"` // the rules that ran, for formats that list them
}

// Summary counts what was looked at and found. Suppressed are findings that
// an annotation, the config file or the baseline took out. WithoutService are
// the workloads that look like servers, by a port or a probe, and that no
// Service of the input selects: what leads to them was not seen.
type Summary struct {
	Files      int `json:"files"`
	Objects    int `json:"objects"`
	Errors     int `json:"errors"`
	Warnings   int `json:"warnings"`
	Infos      int `json:"infos"`
	Suppressed int `json:"suppressed"`

	WithoutService int `json:"withoutService"`
}

// Formats are the names that Write knows.
var Formats = []string{"text", "json", "sarif", "junit", "github", "html"}

// Write writes a result in a format; colour is for text on a terminal.
func Write(w io.Writer, format string, r *Result, colour bool) error {
	switch format {
	case "text":
		return writeText(w, r, colour)
	case "json":
		return writeJSON(w, r)
	case "sarif":
		return writeSARIF(w, r)
	case "junit":
		return writeJUnit(w, r)
	case "github":
		return writeGitHub(w, r)
	case "html":
		return writeHTML(w, r)
	}
	return fmt.Errorf("output format %q: want one of %s", format, strings.Join(Formats, ", "))
}

func writeJSON(w io.Writer, r *Result) error {
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	if r.Unreadable == nil {
		r.Unreadable = []Unreadable{}
	}
	e := json.NewEncoder(printable.JSON{To: w})
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
