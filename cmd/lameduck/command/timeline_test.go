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
