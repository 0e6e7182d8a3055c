// Package sariftest validates SARIF logs against the OASIS schema of SARIF 2.1.0.
package sariftest

import (
	"bytes"
	_ "embed"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed sarif-schema-2.1.0.json
var text []byte

// Valid fails the test unless the schema accepts the log, formats such as URIs included, and
// refuses a bad one.
func Valid(t testing.TB, log []byte) {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	const name = "sarif-schema-2.1.0.json"
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(name, parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := jsonschema.UnmarshalJSON(bytes.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(got); err != nil {
		t.Error(err)
		return
	}
	got.(map[string]any)["runs"].([]any)[0].(map[string]any)["columnKind"] = "bytes"
	if schema.Validate(got) == nil {
		t.Error("the schema accepts a column kind that does not exist")
	}
}
