package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const optedIn = `apiVersion: v1
kind: Pod
metadata: {name: web, labels: {lameduck.dev/inject: "true"}}
spec:
  containers:
  - {name: web, image: a}
`

func TestInject(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pod.yaml")
	if err := os.WriteFile(file, []byte(optedIn), 0o644); err != nil {
		t.Fatal(err)
	}
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: a}"
	tests := []struct {
		name        string
		args        []string
		stdin       string
		code        int
		out, stderr []string
	}{
		{"standard input", []string{"-f", "-", "--hub-key", "FK2bSp3JbR5kSVjUHt6SOPF2edHzvdrJd1QKR87mF1k="}, optedIn, 0,
			[]string{"--hub=lameduck-hub.lameduck-system.svc:80", "--hub-key=FK2bSp3JbR5kSVjUHt6SOPF2edHzvdrJd1QKR87mF1k=", "image: registry.local/lameduck-agent:dev"}, []string{"-:1 Pod default/web: "}},
		{"no key, no hub", []string{"-f", file}, "", 0, []string{"- install\n"}, []string{"no --hub-key"}},
		{"no image that can be pulled", []string{"-f", file}, "", 0, nil, []string{"no --agent-image: registry.local/lameduck-agent:dev"}},
		{"opted in by --all", []string{"-f", "-", "--all", "--agent-image", "a"}, strings.Replace(optedIn, "lameduck.dev/inject", "other", 1), 0,
			[]string{`"because":"--all"`}, []string{"(--all)"}},
		{"two files are two documents", []string{"-f", "-", "-f", file, "-q"}, service, 0, []string{service + "\n---\napiVersion: v1\nkind: Pod"}, nil},
		{"nothing to do", []string{"-f", "-", "-q"}, service, 0, []string{service}, nil},
		{"a bad document", []string{"-f", "-"}, strings.Replace(optedIn, `"true"`, "maybe", 1), 1, nil, []string{`-:3: Pod default/web: metadata.labels[lameduck.dev/inject] is "maybe": write "true" or "false"`}},
		{"no YAML", []string{"-f", "-"}, "a: b\n c: d\n", 1, nil, []string{"-:2: mapping values are not allowed"}},
		{"no such file", []string{"-f", filepath.Join(dir, "none")}, "", 1, nil, []string{"no such file or folder"}},
		{"no file named", nil, "", 2, nil, []string{"nothing to read: name files or folders"}},
		{"a file as an argument", []string{file}, "", 0, []string{"- install\n"}, []string{"label on the pod"}},
		{"a key that is none", []string{file, "--hub-key", "abc"}, "", 2, nil, []string{`--hub-key "abc"`, "ConfigMap lameduck-hub"}},
		{"an empty key", []string{file, "--hub-key", ""}, "", 2, nil, []string{`--hub-key ""`}},
		{"a hub without a port", []string{file, "--hub", "nohost"}, "", 2, nil, []string{`--hub "nohost": write HOST:PORT`}},
		{"a pull policy", []string{"-f", file, "--pull-policy", "Perhaps"}, "", 2, nil, []string{"write Always, IfNotPresent or Never"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := newRoot(testBuild)
			var stdout, stderr bytes.Buffer
			root.SetIn(strings.NewReader(tt.stdin))
			root.SetOut(&stdout)
			root.SetErr(&stderr)
			root.SetArgs(append([]string{"inject"}, tt.args...))
			err := root.ExecuteContext(t.Context())
			if err != nil {
				stderr.WriteString(err.Error())
			}
			if code := exitCode(err); code != tt.code {
				t.Errorf("exit code %d, want %d: %v", code, tt.code, err)
			}
			if tt.code != 0 && stdout.Len() > 0 {
				t.Errorf("wrote %q in spite of the error", stdout.String())
			}
			for _, want := range tt.out {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("standard output lacks %q:\n%s", want, stdout.String())
				}
			}
			for _, want := range tt.stderr {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("standard error lacks %q:\n%s", want, stderr.String())
				}
			}
			if tt.stderr == nil && stderr.Len() > 0 {
				t.Errorf("standard error says %q", stderr.String())
			}
		})
	}
}
