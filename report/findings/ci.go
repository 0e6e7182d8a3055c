package findings

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// writeGitHub writes workflow commands, which GitHub shows at the lines of
// a pull request.
func writeGitHub(w io.Writer, r *Result) error {
	out := bufio.NewWriter(w)
	level := []string{"notice", "warning", "error"}
	for _, f := range r.Findings {
		place := fmt.Sprintf("line=%d,col=%d,endLine=%d,endColumn=%d", f.Line, f.Column, f.EndLine, f.EndColumn)
		if f.Column == 0 {
			place = fmt.Sprintf("line=%d", f.Line)
		}
		fmt.Fprintf(out, "::%s file=%s,%s,title=%s::%s\n", level[f.Severity], property(f.File), place, property(f.Rule), data(f.Message+". "+f.Remedy))
	}
	for _, u := range r.Unreadable {
		fmt.Fprintf(out, "::error file=%s,line=%d,title=cannot read::%s\n", property(u.File), max(1, u.Line), data(u.Message))
	}
	return out.Flush()
}

var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func data(s string) string     { return printable.Line(dataEscapes.Replace(s)) }
func property(s string) string { return printable.Line(propertyEscapes.Replace(s)) }

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	Failure *junitText `xml:"failure,omitempty"`
	Error   *junitText `xml:"error,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes a suite for each rule and a case for each finding; a rule without findings is a
// passed case.
func writeJUnit(w io.Writer, r *Result) error {
	all := junitSuites{Name: "lameduck check"}
	byRule := map[string][]Finding{}
	for _, f := range r.Findings {
		byRule[f.Rule] = append(byRule[f.Rule], f)
	}
	for _, rule := range r.Rules {
		s := junitSuite{Name: rule.Name}
		for _, f := range byRule[rule.Name] {
			s.Cases = append(s.Cases, junitCase{Class: f.Rule, Name: printable.Line(fmt.Sprintf("%s (%s:%d)", f.Object, f.File, f.Line)), Failure: &junitText{
				Message: printable.Line(f.Message), Type: f.Severity.String(),
				Text: fmt.Sprintf("%s\n%s\n%s", printable.Line(f.Place()), printable.Line(f.Message), printable.Line(f.Remedy)),
			}})
		}
		s.Failures = len(s.Cases)
		if len(s.Cases) == 0 {
			s.Cases = []junitCase{{Class: rule.Name, Name: rule.Title}}
		}
		all.add(s)
	}
	if len(r.Unreadable) > 0 {
		s := junitSuite{Name: "cannot read"}
		for _, u := range r.Unreadable {
			s.Cases = append(s.Cases, junitCase{Class: "input", Name: printable.Line(u.File), Error: &junitText{Message: printable.Line(u.Message), Type: "unreadable"}})
		}
		s.Errors = len(s.Cases)
		all.add(s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (all *junitSuites) add(s junitSuite) {
	s.Tests = len(s.Cases)
	all.Tests += s.Tests
	all.Failures += s.Failures
	all.Errors += s.Errors
	all.Suites = append(all.Suites, s)
}
