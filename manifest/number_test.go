package manifest

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// numbers and flags in every spelling that a reader of YAML knows.
var spelled = []string{
	"30", "-5", "+30", "0", "-0", "30.0", "1e3", "3e1", "3.0E+1", ".5e1", "30.5", "1e300", "0x10", "0X1E", "010", "-010", "08", "09.0", "0o17", "0b11", "-0b11", "+0b11",
	"1_000", "_1", "0x_1f", "1__0", "1:30", "190:20:30", "2001-01-01", "9223372036854775807", "9223372036854775808", "18446744073709551616", "007", "0.0", "-.5", "5.", "0x", "1e", "0x1p4", ".inf", ".nan",
	"'30'", "thirty", "30s", "$(GRACE)", "<grace>", "PLACEHOLDER", "30 s", "~", "null", "25%", "1,000", "!!int 30", "!!str 30", "!!int '30'", "!!float 30",
	"true", "True", "TRUE", "yes", "Yes", "on", "ON", "y", "Y", "false", "no", "No", "n", "off", "OFF", "tRUE", "oN", "'true'", "\"yes\"",
}

// FuzzNumber: what is an integer, or true, to the API server's reader is the same one here.
func FuzzNumber(f *testing.F) {
	for _, text := range spelled {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := "apiVersion: v1\nkind: X\na: " + text + "\n"
		file, problems := Parse("x.yaml", src)
		if len(text) > 100 || strings.Contains(strings.ReplaceAll(text, "!!", ""), "!") {
			return // too long, or with a tag that is no more than "!", of which the full parser does not tell
		}
		if len(problems) > 0 || len(file.Objects) != 1 || len(file.docs) != 1 {
			return
		}
		n := file.Objects[0].Root.Get("a")
		if n == nil || n.Kind != Scalar {
			return
		}
		var whole struct {
			A *int64 `json:"a"`
		}
		var flag struct {
			A *bool `json:"a"`
		}
		i, ok := n.Int()
		switch err := yaml.Unmarshal([]byte(src), &whole); {
		case err != nil || whole.A == nil:
			if ok {
				t.Errorf("%q is %d, and refused by the API server: %v", text, i, err)
			}
		case *whole.A > 1<<53 || *whole.A < -1<<53:
			// A float of this size has lost its last digits.
		case !ok || i != *whole.A:
			t.Errorf("%q is %d, %v; for the API server %d", text, i, ok, *whole.A)
		}
		b, ok := n.Bool()
		switch err := yaml.Unmarshal([]byte(src), &flag); {
		case err != nil || flag.A == nil:
			if ok {
				t.Errorf("%q is %v, and refused by the API server: %v", text, b, err)
			}
		case !ok || b != *flag.A:
			t.Errorf("%q is %v, %v; for the API server %v", text, b, ok, *flag.A)
		}
	})
}
