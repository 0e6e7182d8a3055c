package findings

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// The part of SARIF 2.1.0 that findings need; the names are the schema's.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
		Invocations []sarifInvocation `json:"invocations"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string          `json:"id"`
		ShortDescription     sarifText       `json:"shortDescription"`
		FullDescription      sarifText       `json:"fullDescription"`
		Help                 sarifText       `json:"help"`
		HelpURI              string          `json:"helpUri,omitempty"`
		DefaultConfiguration sarifConfigured `json:"defaultConfiguration"`
	}
	sarifConfigured struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Rank      float64         `json:"rank"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int        `json:"startLine"`
		StartColumn int        `json:"startColumn,omitempty"`
		EndLine     int        `json:"endLine,omitempty"`
		EndColumn   int        `json:"endColumn,omitempty"`
		Snippet     *sarifText `json:"snippet,omitempty"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
)

var sarifLevels = []string{"note", "warning", "error"}

func writeSARIF(w io.Writer, r *Result) error {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "lameduck", InformationURI: "https://github.com/lameduck-dev/lameduck", Rules: []sarifRule{}}
	index := map[string]int{}
	for i, rule := range r.Rules {
		index[rule.Name] = i
		described := sarifRule{
			ID: rule.Name, ShortDescription: sarifText{rule.Title}, FullDescription: sarifText{rule.Why},
			Help: sarifText{rule.Remedy}, DefaultConfiguration: sarifConfigured{sarifLevels[rule.Severity]},
		}
		if strings.HasPrefix(rule.Source, "https://") {
			described.HelpURI = strings.TrimRight(strings.Fields(rule.Source)[0], ",;")
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, described)
	}
	for _, f := range r.Findings {
		region := &sarifRegion{StartLine: f.Line, StartColumn: f.Column, EndLine: f.EndLine, EndColumn: f.EndColumn}
		if f.Text != "" {
			region.Snippet = &sarifText{f.Text}
		}
		run.Results = append(run.Results, sarifResult{
			RuleID: f.Rule, RuleIndex: index[f.Rule], Level: sarifLevels[f.Severity],
			Rank:    []float64{20, 60, 100}[f.Confidence],
			Message: sarifText{f.Message + ". " + f.Remedy},
			Locations: []sarifLocation{{
				Physical: sarifPhysical{Artifact: sarifArtifact{uri(f.File)}, Region: region},
				Logical:  []sarifLogical{{f.Object}},
			}},
		})
	}
	invocation := sarifInvocation{ExecutionSuccessful: len(r.Unreadable) == 0}
	for _, u := range r.Unreadable {
		place := sarifPhysical{Artifact: sarifArtifact{uri(u.File)}}
		if u.Line > 0 {
			place.Region = &sarifRegion{StartLine: u.Line}
		}
		invocation.Notifications = append(invocation.Notifications, sarifNotification{
			Level: "error", Message: sarifText{u.Message}, Locations: []sarifLocation{{Physical: place}},
		})
	}
	run.Invocations = []sarifInvocation{invocation}
	e := json.NewEncoder(printable.JSON{To: w})
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

// uri is a path as SARIF wants it: relative, with slashes, escaped.
func uri(path string) string {
	if path == "-" {
		return "stdin"
	}
	return (&url.URL{Path: filepath.ToSlash(path)}).String()
}
