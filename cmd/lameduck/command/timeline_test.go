package command

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTimelineOfPlaceholders: what depends on a number that is not known is not drawn by a guess.
func TestTimelineOfPlaceholders(t *testing.T) {
	const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: GRACE
      containers:
      - {name: web, image: "IMAGE", ports: [{containerPort: 80}]}
`
	for name, tt := range map[string]struct{ grace, image, want string }{
		"in the grace period":     {"${GRACE}", "nginx", "Deployment web: not drawn: it depends on a number that the manifest does not say"},
		"of another spelling":     {"$(GRACE)", "nginx", "Deployment web: not drawn: it depends on a number"},
		"a duration":              {"30s", "nginx", "Deployment web: not drawn: it depends on a number"},
		"a comment to YAML":       {"#{grace}#", "nginx", "Deployment web: not drawn: it depends on a number"},
		"hexadecimal":             {"0x10", "nginx", "Deployment web: grace period 16 s"},
		"octal":                   {"010", "nginx", "Deployment web: grace period 8 s"},
		"in what does not matter": {"45", "nginx:${TAG}", "Deployment web: grace period 45 s"},
		"a negative one":          {"-5", "nginx", "Deployment web: grace period 1 s"},
		"one as a float":          {"1e3", "nginx", "Deployment web: grace period 1000 s"},
		"the largest":             {"9223372036854775807", "nginx", "Deployment web: grace period 9223372036854775807 s"},
		"none":                    {"45", "nginx", "Deployment web: grace period 45 s"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "web.yaml")
			write(t, file, strings.NewReplacer("GRACE", tt.grace, "IMAGE", tt.image).Replace(deployment))
			if code, out := outcome(t, exec.Command(programIn(t, dir), "timeline", file)); code != 0 || !strings.HasPrefix(out, tt.want) {
				t.Errorf("exit code %d\n%s", code, out)
			}
		})
	}
}

// TestTimelineOfChart: a chart is drawn as check reads it, with the values that are named.
func TestTimelineOfChart(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "chart/Chart.yaml", "apiVersion: v2\nname: a\nversion: 0.1.0\n")
	write(t, "chart/values.yaml", "grace: 30\n")
	write(t, "chart/templates/web.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  terminationGracePeriodSeconds: {{ .Values.grace }}\n  containers: [{name: web, image: a, ports: [{containerPort: 80}]}]\n")
	write(t, "prod.yaml", "grace: 75\n")
	write(t, "pod.yaml", optedIn)
	for args, want := range map[string]string{
		"timeline chart":                       "Pod web: grace period 30 s",
		"timeline --values prod.yaml chart":    "Pod web: grace period 75 s",
		"timeline --values prod.yaml pod.yaml": "lameduck: --values would have no effect: there is no Helm chart in what was named",
		"check --values prod.yaml pod.yaml":    "lameduck: --values would have no effect",
	} {
		if code, out, log := again(t, "", strings.Fields(args)...); !strings.HasPrefix(out+log, want) || code != 3*strings.Count(want, "lameduck:") {
			t.Errorf("%s: exit code %d\n%s%s", args, code, out, log)
		}
	}
}
