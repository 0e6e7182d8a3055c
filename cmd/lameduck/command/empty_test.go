package command

import (
	"strings"
	"testing"
)

// TestNoObject: what holds no object is told, and nothing but that is an error.
func TestNoObject(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "app.yaml", optedIn)
	write(t, "void.yaml", "")
	write(t, "values.yaml", "replicas: 3\n")
	write(t, "list.yaml", "apiVersion: v1\nkind: List\nitems: []\n")
	write(t, "pictures/a.png", "\x89PNG")
	write(t, "mixed/app.yaml", optedIn)
	write(t, "mixed/values.yaml", "replicas: 3\n")
	write(t, "broken.yaml", "a: [\n")
	write(t, "chart/Chart.yaml", "apiVersion: v2\nname: a\nversion: 0.1.0\n")
	write(t, "chart/templates/a.yaml", "{{ if .Values.on }}\n"+optedIn+"{{ end }}\n")
	for _, tt := range []struct {
		args string
		code int
		says string // "" for nothing about objects
	}{
		{"void.yaml", 2, "lameduck: no Kubernetes object in void.yaml: an object has apiVersion and kind, and of a folder *.yaml, *.yml and *.json are read\n"},
		{"values.yaml", 2, "lameduck: no Kubernetes object in values.yaml:"},
		{"list.yaml", 2, "lameduck: no Kubernetes object in list.yaml:"},
		{"pictures", 2, "lameduck: no Kubernetes object in pictures:"},
		{"-", 2, "lameduck: no Kubernetes object in standard input:"},
		{"pictures void.yaml values.yaml list.yaml - ./void.yaml ./pictures", 2, "in pictures, void.yaml, values.yaml, list.yaml, standard input and 2 more:"},
		{"--allow-empty values.yaml pictures", 0, "no Kubernetes object in values.yaml, pictures:"},
		{"app.yaml values.yaml pictures", 0, "no Kubernetes object in values.yaml, pictures:"},
		{"app.yaml ./app.yaml", 0, ""},
		{"mixed", 0, ""},
		{"mixed mixed/../mixed", 0, ""},
		{"broken.yaml", 2, ""},
	} {
		for _, command := range []string{"check --fail-on never", "fix", "timeline", "inject"} {
			t.Run(command+" "+tt.args, func(t *testing.T) {
				want := tt.code
				if command == "inject" && tt.args == "broken.yaml" {
					want = 1
				}
				code, out, log := again(t, "", strings.Fields(command+" "+tt.args)...)
				if code != want {
					t.Errorf("exit code %d, want %d\n%s", code, want, log)
				}
				if strings.Contains(log, "no Kubernetes object") != (tt.says != "") || !strings.Contains(log, tt.says) {
					t.Errorf("want %q in\n%s", tt.says, log)
				}
				if command == "inject" && code != 0 && out != "" {
					t.Errorf("it wrote %q", out)
				}
			})
		}
	}
	for _, command := range []string{"check", "fix", "timeline"} {
		if code, _, log := again(t, "", command, "chart"); code != 2 || !strings.Contains(log, "no Kubernetes object in chart:") {
			t.Errorf("%s of a chart that renders nothing: exit code %d\n%s", command, code, log)
		}
	}
	if code, _, _ := again(t, "", "check", "-o", "sarif=out.sarif", "pictures"); code != 2 {
		t.Errorf("exit code %d", code)
	}
}
