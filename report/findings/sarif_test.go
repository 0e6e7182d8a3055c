package findings

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestSARIFIsValid holds what is written against the OASIS schema, its formats
// (URIs among them) included.
func TestSARIFIsValid(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, result := range map[string]*Result{"sample": sample, "nothing found": {}, "unreadable only": {Unreadable: sample.Unreadable}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, "sarif", result, false); err != nil {
				t.Fatal(err)
			}
			log, err := jsonschema.UnmarshalJSON(&b)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(log); err != nil {
				t.Error(err)
			}
			// The schema is one that refuses.
			log.(map[string]any)["runs"].([]any)[0].(map[string]any)["columnKind"] = "bytes"
			if schema.Validate(log) == nil {
				t.Error("the schema accepts a column kind that does not exist")
			}
		})
	}
}
