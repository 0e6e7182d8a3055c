package command

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

const renderedApp = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  replicas: 2
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 30
      containers:
      - name: sidecar
        image: example.com/sidecar:1
      - name: web
        image: example.com/web:1
        ports: [{name: http, containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
`

// TestPlaceInABase: a finding in what a kustomization builds is at the line of its base, without a column,
// which nobody's file has; in each format.
func TestPlaceInABase(t *testing.T) {
	hook := "spec: {template: {spec: {containers: [{name: web, lifecycle: {preStop: {exec: {command: [sleep, '60']}}}}]}}}"
	for name, c := range map[string]struct {
		overlay, rule, want string
		line                int
	}{
		"the node's own":                         {"resources: [../base]\n", "no-prestop", "base/app.yaml:14: warning: container web", 14},
		"of an object renamed":                   {"resources: [../base]\nnamePrefix: eu-\nnamespace: shop\n", "no-prestop", "base/app.yaml:14: warning: container web", 14},
		"of containers that a patch orders anew": {"resources: [../base]\npatches: [{target: {kind: Deployment}, patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: first, image: x}]}}}}'}]\n", "no-prestop", "base/app.yaml:14: warning: container web", 14},
		"of what a patch adds":                   {"resources: [../base]\npatches: [{target: {kind: Deployment}, patch: \"{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, " + hook + "}\"}]\n", "prestop-exceeds-grace", "base/app.yaml:1: error: preStop of container web", 1},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"over/kustomization.yaml": c.overlay, "base/kustomization.yaml": "resources: [app.yaml]\n", "base/app.yaml": renderedApp}
			_, text, log := cli(t, files, "", "check", "over")
			if !strings.Contains(text, c.want) || strings.Contains(text, "^") {
				t.Errorf("text:\n%s%s", text, log)
			}
			_, text, _ = cli(t, files, "", "check", "-o", "sarif", "over")
			var sarif struct {
				Runs []struct {
					Results []struct {
						RuleID    string
						Locations []struct {
							PhysicalLocation struct{ Region map[string]any }
						}
					}
				}
			}
			if err := json.Unmarshal([]byte(text), &sarif); err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(sarif.Runs[0].Results, func(r struct {
				RuleID    string
				Locations []struct {
					PhysicalLocation struct{ Region map[string]any }
				}
			}) bool {
				return r.RuleID == c.rule
			})
			region := sarif.Runs[0].Results[i].Locations[0].PhysicalLocation.Region
			if region["startLine"] != float64(c.line) || region["startColumn"] != nil || region["endColumn"] != nil {
				t.Errorf("SARIF: %v", region)
			}
			if _, text, _ = cli(t, files, "", "check", "-o", "github", "over"); !strings.Contains(text, "file=base/app.yaml,line=") || strings.Contains(text, "col=") {
				t.Errorf("github:\n%s", text)
			}
		})
	}
}

// TestInternalValuesOfAChart: a chart that keeps its defaults for itself, as Istio's gateway does, is told
// to be given values by the names that are its users', and these do what the finding asks.
func TestInternalValuesOfAChart(t *testing.T) {
	files := map[string]string{
		"gateway/Chart.yaml":                 "apiVersion: v2\nname: gateway\nversion: 0.1.0\n",
		"gateway/values.yaml":                "_internal_defaults_do_not_set:\n  replicas: 2\n  terminationGracePeriodSeconds: 30\n  lifecycle: {}\n  affinity: {}\n",
		"gateway/templates/zzz_profile.yaml": "{{- $defaults := $.Values._internal_defaults_do_not_set }}\n{{- $_ := unset $.Values \"_internal_defaults_do_not_set\" }}\n{{- $a := mustMergeOverwrite $defaults $.Values }}\n{{- $_ := set $ \"Values\" $a }}\n",
		"gateway/templates/deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway}
spec:
  selector: {matchLabels: {app: gateway}}
  replicas: {{ .Values.replicas }}
  template:
    metadata: {labels: {app: gateway}}
    spec:
      terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
      containers:
      - name: gateway
        image: example.com/gateway:1
        ports: [{name: http, containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}}
        {{- with .Values.lifecycle }}
        lifecycle: {{ toJson . }}
        {{- end }}
`,
		"gateway/templates/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: gateway}\nspec: {type: LoadBalancer, selector: {app: gateway}, ports: [{port: 80, targetPort: http}]}\n",
	}
	_, text, log := cli(t, files, "", "check", "gateway")
	_, advice, found := strings.Cut(text, "In the chart's values: ")
	advice, _, _ = strings.Cut(advice, "\n")
	if !found || strings.Contains(text, "_internal") || !strings.HasPrefix(advice, "lifecycle: ") {
		t.Fatalf("%s%s", text, log)
	}
	files["mine.yaml"] = strings.ReplaceAll(advice, ", terminationGracePeriodSeconds", "\nterminationGracePeriodSeconds") + "\n"
	if _, text, _ = cli(t, files, "", "check", "--values", "mine.yaml", "gateway"); strings.Contains(text, "[no-prestop]") {
		t.Errorf("with %s:\n%s", files["mine.yaml"], text)
	}
}

// TestForgedOrigin: a kustomization can't say of which file its objects are, so that a finding moves to
// one whose findings are ignored, or to one that was never read.
func TestForgedOrigin(t *testing.T) {
	for name, origin := range map[string]string{
		"a file that is ignored": "../vendor/x.yaml", "a file that is there": "../.lameduck.yaml", "a file far away": "../../../../../../etc/passwd",
		"a line of its own": `"../x\n::error::hi##vso[a]"`, "a folder": "..", "an address": "https://example.com/x.yaml",
	} {
		for how, overlay := range map[string]string{
			"patch":       "resources: [../base]\npatches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: add, path: /metadata/annotations, value: {config.kubernetes.io/origin: %}}\n",
			"annotations": "resources: [../base]\ncommonAnnotations: {config.kubernetes.io/origin: %}\n",
		} {
			value, err := json.Marshal("path: " + origin + "\n")
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{
				".lameduck.yaml":          "ignore: [{rule: no-prestop, file: 'vendor/**', reason: not ours}]\n",
				"vendor/x.yaml":           renderedApp,
				"over/kustomization.yaml": strings.Replace(overlay, "%", string(value), 1), "base/kustomization.yaml": "resources: [app.yaml]\n", "base/app.yaml": renderedApp,
			}
			_, text, log := cli(t, files, "", "check", "over")
			found := false
			for line := range strings.Lines(text + log) {
				found = found || strings.Contains(line, "[no-prestop]")
				if strings.Contains(line, "warning: ") && !strings.HasPrefix(line, "over/kustomization.yaml:1: ") && !strings.HasPrefix(line, "base/app.yaml:") || strings.HasPrefix(line, "::") {
					t.Errorf("%s by %s: %s", name, how, line)
				}
			}
			if !found {
				t.Errorf("%s by %s: suppressed\n%s%s", name, how, text, log)
			}
		}
	}
}

// TestPlaceByALink: an overlay that is named by a link has its findings in the base's file all the same.
func TestPlaceByALink(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "overlays/prod/kustomization.yaml", "resources: [../../base]\n")
	write(t, "base/kustomization.yaml", "resources: [app.yaml]\n")
	write(t, "base/app.yaml", renderedApp)
	if err := os.Symlink("overlays/prod", "prod"); err != nil {
		t.Fatal(err)
	}
	if _, text, log := again(t, "", "check", "prod"); !strings.Contains(text, "\nbase/app.yaml:14: warning: container web") {
		t.Errorf("%s%s", text, log)
	}
}
