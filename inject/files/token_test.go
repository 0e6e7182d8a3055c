package files

import (
	"strings"
	"testing"
)

// TestTokens: a value that YAML takes for a comment is not written beside.
func TestTokens(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {lameduck.dev/inject: \"true\"}}\nspec:\n  terminationGracePeriodSeconds: GRACE\n  containers:\n  - {name: web, image: example.com/web:1}\n"
	for grace, want := range map[string]string{
		"#{grace}#": "in.yaml:5: Pod default/web: behind terminationGracePeriodSeconds stands #{grace}#",
		"$(GRACE)":  "spec.terminationGracePeriodSeconds is string",
		"0x10":      "raised the grace period from 16 s",
	} {
		src := strings.Replace(pod, "GRACE", grace, 1)
		if out, said := run(t, "in.yaml", src, settings); !strings.Contains(said, want) || strings.HasPrefix(said, "error") && out != src {
			t.Errorf("%s: %s\n%s", grace, said, out)
		}
	}
}
