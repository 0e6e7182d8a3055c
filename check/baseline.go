package check

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lameduck-dev/lameduck/report/findings"
)

// Baseline holds the findings that were there when it was written. A finding
// is known by rule, file, object and message, not by its line: a change
// elsewhere in the file makes nothing new.
type Baseline map[string]bool

type baselineFile struct {
	Baseline []string `json:"baseline"`
}

// ParseBaseline reads what WriteBaseline wrote.
func ParseBaseline(text []byte) (Baseline, error) {
	var f baselineFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("reading the baseline: %w; write it anew with --write-baseline", err)
	}
	b := Baseline{}
	for _, key := range f.Baseline {
		b[key] = true
	}
	return b, nil
}

// WriteBaseline is the text of a baseline that knows the findings.
func WriteBaseline(found []findings.Finding) ([]byte, error) {
	f := baselineFile{Baseline: []string{}}
	for _, each := range found {
		f.Baseline = append(f.Baseline, fingerprint(each))
	}
	slices.Sort(f.Baseline)
	f.Baseline = slices.Compact(f.Baseline)
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

func fingerprint(f findings.Finding) string {
	return fmt.Sprintf("%s | %s | %s | %s", f.Rule, f.File, f.Object, f.Message)
}

func (b Baseline) has(d *Draft) bool { return len(b) > 0 && b[fingerprint(d.finding())] }
