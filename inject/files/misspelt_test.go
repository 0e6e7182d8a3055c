package files

import (
	"strings"
	"testing"
)

// TestMisspelt: a field that the API server would not read is not taken for one that it reads.
func TestMisspelt(t *testing.T) {
	const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {labels: {lameduck.dev/inject: "true"}, annotations: {}}
    spec:
      containers:
      - name: web
        image: web
        lifecycle: {}
`
	const policy = "apiVersion: lameduck.dev/v1alpha1\nkind: DrainPolicy\nmetadata: {name: p}\nspec: {selector: {}}\n---\n"
	for name, tt := range map[string]struct {
		old, new, want string
		refused        bool
	}{
		"a hook in lower case":     {"lifecycle: {}", "lifecycle:\n          prestop: {exec: {command: [a]}}", "in.yaml:12: Deployment default/web: spec.containers[0].lifecycle.prestop is no field that the API knows: did you mean preStop?", true},
		"a letter less":            {"lifecycle: {}", "lifecycl: {}", "did you mean lifecycle?", true},
		"of a newer Kubernetes":    {"lifecycle: {}", "brandNewField: {}", "spec.containers[0].brandNewField is no field that the API knows: is it misspelt?", false},
		"of a policy":              {"apiVersion: apps", strings.Replace(policy, "{selector: {}}", "{selector: {}, maxwait: 5s}", 1) + "apiVersion: apps", "in.yaml:4: DrainPolicy p: spec.maxwait is no field that the API knows: did you mean maxWait?", true},
		"unlike any of a policy":   {"apiVersion: apps", strings.Replace(policy, "{selector: {}}", "{selector: {}, patience: 5s}", 1) + "apiVersion: apps", "spec.patience is no field that the API knows", true},
		"an annotation":            {"annotations: {}", "annotations: {lameduck.dev/registri: nacos}", "annotation lameduck.dev/registri is not known to injection: did you mean lameduck.dev/registry?", false},
		"on the Deployment itself": {"metadata: {name: web}\nspec:\n  template:\n    metadata: {labels: {lameduck.dev/inject: \"true\"}", "metadata: {name: web, labels: {lameduck.dev/inject: \"true\"}}\nspec:\n  template:\n    metadata: {labels: {}", "left as it is: label lameduck.dev/inject is on the Deployment itself, where it opts nothing in: it belongs at spec.template.metadata.labels", false},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(deployment, tt.old) {
				t.Fatalf("%q is not in the manifest", tt.old)
			}
			_, said := run(t, "in.yaml", strings.Replace(deployment, tt.old, tt.new, 1), settings)
			if !strings.Contains(said, tt.want) || strings.HasPrefix(said, "error:") != tt.refused {
				t.Errorf("said %s", said)
			}
		})
	}
	// What check alone reads is no news to injection.
	if _, said := run(t, "in.yaml", strings.Replace(deployment, "annotations: {}", `annotations: {lameduck.dev/shutdown-seconds: "5"}`, 1), settings); strings.Contains(said, "not known") {
		t.Errorf("said %s", said)
	}
}
