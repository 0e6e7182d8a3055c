package rules

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/report/findings/sariftest"
)

// TestSARIFOfEveryRule: every rule's texts and what each finds in its bad
// manifest make a log that the schema accepts.
func TestSARIFOfEveryRule(t *testing.T) {
	bad, err := filepath.Glob("testdata/*/bad.yaml")
	if err != nil || len(bad) < len(All()) {
		t.Fatal(bad, err)
	}
	in, err := (&manifest.Loader{}).Load(context.Background(), bad...)
	if err != nil {
		t.Fatal(err)
	}
	result, err := check.Run(context.Background(), in, check.Options{Rules: All()})
	if err != nil || len(result.Findings) < len(bad) {
		t.Fatal(len(result.Findings), err)
	}
	var b bytes.Buffer
	if err := findings.Write(&b, "sarif", result, false); err != nil {
		t.Fatal(err)
	}
	sariftest.Valid(t, b.Bytes())
}
