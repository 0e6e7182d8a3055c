package command

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode"

	"sigs.k8s.io/yaml"
)

// plant is what a manifest's author may write into any string to clear the screen, to hide
// text, or to forge a line or a command in a log.
const plant = "x\x1b[2J\nforged\r\nforged::\u009b2J\u202e\u2028##[command]"

const hostileBase = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, annotations: {lameduck.dev/inject: "true"}}
spec:
  replicas: 1
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 50%}}
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {lameduck.dev/shutdown-seconds: "40", lameduck.dev/ignore.no-spread: why}
    spec:
      terminationGracePeriodSeconds: 30
      containers:
      - name: web
        image: example.com/web:1
        command: [sh, -c, "exec nginx"]
        ports: [{name: http, containerPort: 80}]
        env: [{name: SPRING_MAIN_CLOUD, value: none}]
        lifecycle: {preStop: {exec: {command: [sh, -c, sleep 60]}}}
        readinessProbe: {httpGet: {path: /health, port: http}}
        livenessProbe: {exec: {command: [curl, "http://other/health"]}}
`

// TestHostileStrings puts the plant into every string of a workload, one at a time, and looks
// at what each command writes, without the guard that the program has before its outputs.
func TestHostileStrings(t *testing.T) {
	var base map[string]any
	if err := yaml.Unmarshal([]byte(hostileBase), &base); err != nil {
		t.Fatal(err)
	}
	service := `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop"},"spec":{"type":"LoadBalancer","selector":{"app":"web"},"ports":[{"port":80,"targetPort":"http"}]}}`
	planted := 0
	each(base, func(set func(string), was string) {
		set(was + plant)
		defer set(was)
		planted++
		text, err := json.Marshal(base)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{"web.json": string(text), "service.json": service, "a\nforged\x1b[2J.yaml": "a: [", "b.yaml": "? b\u202e: [\n"}
		for _, args := range []string{
			"check .", "check -o json .", "check -o sarif .", "check -o junit .", "check -o html .",
			"fix .", "timeline .", "inject --all -f web.json -f service.json", "inject -f .",
		} {
			_, stdout, stderr := cli(t, files, "", strings.Fields(args)...)
			if strings.HasPrefix(args, "fix") || strings.HasPrefix(args, "inject") {
				stdout = "" // the manifest itself, byte for byte
			}
			for _, written := range []string{stdout, stderr} {
				for line := range strings.Lines(written) {
					line = strings.TrimSuffix(line, "\n")
					if strings.HasPrefix(line, "forged") || strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
						t.Errorf("%s, planted into %q: %q", args, was, line)
					}
				}
			}
		}
	})
	if planted < 25 {
		t.Errorf("planted into %d strings only", planted)
	}
}

// each calls do with every string in a value, and what sets it.
func each(value any, do func(set func(string), was string)) {
	visit := func(item any, set func(string)) {
		if text, ok := item.(string); ok {
			do(set, text)
		} else {
			each(item, do)
		}
	}
	switch value := value.(type) {
	case map[string]any:
		for key, item := range value {
			visit(item, func(s string) { value[key] = s })
		}
	case []any:
		for i, item := range value {
			visit(item, func(s string) { value[i] = s })
		}
	}
}

// TestGuard: the program's outputs are guarded even where a text was forgotten.
func TestGuard(t *testing.T) {
	root := newRoot(testBuild)
	var stdout, stderr strings.Builder
	guard(root, &stdout, &stderr)
	for w, got := range map[io.Writer]*strings.Builder{root.OutOrStdout(): &stdout, root.ErrOrStderr(): &stderr} {
		if _, err := io.WriteString(w, plant+"\n"); err != nil {
			t.Fatal(err)
		}
		if got.Len() == 0 || strings.ContainsAny(got.String(), "\x1b\u009b\u202e") {
			t.Errorf("got through: %q", got)
		}
	}
}
