package command

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/manifest/growthtest"
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

// TestManyNames: a hook names thousands of files, of which any number may hold no object.
func TestManyNames(t *testing.T) {
	tell := func(n, object int) func() {
		in, names := &manifest.Input{}, make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("folder/%d.yaml", i)
			f, _ := manifest.Parse(names[i], []string{"a: 1\n", "apiVersion: v1\nkind: X\n"}[object])
			in.Files = append(in.Files, f)
		}
		return func() {
			if err := (&emptiness{allowed: true}).tellNames(io.Discard, in, names); err != nil {
				t.Error(err)
			}
		}
	}
	for object := range 2 {
		growthtest.Linear(t, tell(1000, object), tell(growthtest.More*1000, object))
	}
}

// TestHeldPaths: a folder holds what lies in it, by whatever name both have.
func TestHeldPaths(t *testing.T) {
	held := paths{}
	for _, path := range []string{"a/b/c.yaml", "../x/y.yaml", "../../z.yaml", "/abs/d.yaml"} {
		held.add(path)
	}
	for name, want := range map[string]bool{
		"a/b/c.yaml": true, "a/b": true, "a": true, "../x": true, "..": true, "../..": true, "/abs": true, "/": true,
		".": true, "b": false, "x": false, "../z.yaml": false, "abs": false,
	} {
		if held[name] != want {
			t.Errorf("%s: %t, want %t", name, held[name], want)
		}
	}
	above := paths{}
	above.add("../x/y.yaml")
	if above["."] {
		t.Error("the working folder holds what lies beside it")
	}
}
