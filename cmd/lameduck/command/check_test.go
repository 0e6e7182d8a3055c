package command

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lameduck-dev/lameduck/check/render/rendertest"
)

const flawed = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 30 # short
      containers:
        - name: web
          image: web:1
          lifecycle:
            preStop:
              sleep:
                seconds: 30
`

// cli runs the command line as main does, in an empty folder of its own with
// the given files, and returns the exit code.
func cli(t *testing.T, files map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		rendertest.Put(t, name, text)
	}
	return again(t, stdin, args...)
}

// again runs the command line in the same folder.
func again(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	root := newRoot(testBuild)
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&log)
	err := root.ExecuteContext(context.Background())
	if err != nil {
		printError(&log, err)
	}
	return exitCode(err), out.String(), log.String()
}

func TestCheckExitCodes(t *testing.T) {
	good := strings.Replace(flawed, "seconds: 30\n", "seconds: 10\n", 1)
	files := map[string]string{"bad.yaml": flawed, "good.yaml": good, "broken.yaml": "a: [\n", "base.json": `{"baseline": []}`}
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"clean", []string{"check", "good.yaml"}, 0, "1 object in 1 file: 0 errors"},
		{"found", []string{"check", "bad.yaml"}, 1, "bad.yaml:15:26: error: preStop of container web waits 30 s, the grace period is 30 s [prestop-exceeds-grace]"},
		{"below", []string{"check", "--fail-on", "never", "bad.yaml"}, 0, "prestop-exceeds-grace"},
		{"standard input", []string{"check", "-"}, 1, "-:15:26"},
		{"unreadable and the rest", []string{"check", "broken.yaml", "bad.yaml"}, 2, "bad.yaml:15:26"},
		{"absent", []string{"check", "no.yaml"}, 2, "no.yaml: cannot read: no such file or folder"},
		{"nothing named", []string{"check"}, 3, "nothing to read"},
		{"bad flag", []string{"check", "--no-such"}, 3, "unknown flag"},
		{"bad format", []string{"check", "-o", "yaml", "bad.yaml"}, 3, "must be text, json"},
		{"two to one", []string{"check", "-o", "text", "-o", "json", "bad.yaml"}, 3, "both text and json go to standard output"},
		{"bad severity", []string{"check", "--fail-on", "loud", "bad.yaml"}, 3, `--fail-on "loud": must be info, warning, error or never`},
		{"bad version", []string{"check", "--kubernetes-version", "2", "bad.yaml"}, 3, "want one like 1.34"},
		{"bad rule", []string{"check", "--rules", "none", "bad.yaml"}, 3, `no rule is called "none"`},
		{"one rule", []string{"check", "--rules", "grace-zero", "bad.yaml"}, 0, "0 errors"},
		{"no baseline", []string{"check", "--baseline", "no.json", "bad.yaml"}, 3, "no.json"},
		{"baseline", []string{"check", "--baseline", "base.json", "bad.yaml"}, 1, "prestop-exceeds-grace"},
		{"explain", []string{"explain", "no-prestop"}, 0, "To suppress it"},
		{"explain nothing", []string{"explain", "none"}, 3, "`lameduck rules` lists them"},
		{"rules", []string{"rules"}, 0, "no-prestop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, log := cli(t, files, flawed, c.args...)
			if code != c.code || !strings.Contains(out+log, c.want) {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, c.code, c.want, out, log)
			}
		})
	}
}

func TestCheckSeveralOutputsAndBaseline(t *testing.T) {
	code, out, log := cli(t, map[string]string{"bad.yaml": flawed}, "",
		"check", "-o", "text", "-o", "sarif=out.sarif", "-o", "junit=out.xml", "--write-baseline", "base.json", "bad.yaml")
	if code != 1 || !strings.Contains(out, "prestop-exceeds-grace") {
		t.Fatal(code, out, log)
	}
	for name, want := range map[string]string{"out.sarif": `"startColumn": 26`, "out.xml": "<testsuites", "base.json": "prestop-exceeds-grace | bad.yaml"} {
		if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	if code, out, _ := again(t, "", "check", "--baseline", "base.json", "bad.yaml"); code != 0 || !strings.Contains(out, "1 suppressed") {
		t.Errorf("with the baseline: %d\n%s", code, out)
	}
}

// TestCheckImages takes what is not in the manifest from an image and a file.
func TestCheckImages(t *testing.T) {
	manifest, _, _ := strings.Cut(flawed, "          lifecycle")
	archive := tarFile(t, map[string]string{
		"manifest.json": `[{"Config": "config.json", "RepoTags": ["web:1"], "Layers": []}]`,
		"config.json":   `{"config": {"Entrypoint": ["/bin/sh", "-c", "python app.py"]}}`,
	})
	files := map[string]string{"web.yaml": manifest, "web.tar": archive, "other.yaml": "web:1: {entrypoint: [/app]}", "bad.yaml": "web: {entry: a}"}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"check web.yaml", 0, "0 warnings"},
		{"check --image-archive web.tar web.yaml", 1, "runs python under sh (by its image)"},
		{"check --image-archive docker.io/library/web:1=web.tar web.yaml", 1, "runs python under sh (by its image)"},
		{"check --image-archive web.tar --image-facts other.yaml web.yaml", 0, "0 warnings"},
		{"check --image-archive none.tar web.yaml", 3, "--image-archive: reading image none.tar"},
		{"check --image-facts bad.yaml web.yaml", 3, `--image-facts bad.yaml: unknown field "entry"`},
	} {
		code, out, log := cli(t, files, "", strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+log, c.want) {
			t.Errorf("%s: exit code %d, want %d with %q\n%s%s", c.args, code, c.code, c.want, out, log)
		}
	}
}

func tarFile(t *testing.T, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCheckReadsConfigFile(t *testing.T) {
	files := map[string]string{"bad.yaml": flawed, ".lameduck.yaml": "rules: {prestop-exceeds-grace: off}\n"}
	if code, out, log := cli(t, files, "", "check", "bad.yaml"); code != 0 {
		t.Errorf("%d\n%s%s", code, out, log)
	}
	files[".lameduck.yaml"] = "rules: {no-such: off}\n"
	if code, _, log := cli(t, files, "", "check", "bad.yaml"); code != 3 || !strings.Contains(log, ".lameduck.yaml: no rule is called") {
		t.Errorf("%d %s", code, log)
	}
}

func TestFixCommand(t *testing.T) {
	want := strings.Replace(flawed, "Seconds: 30 # short", "Seconds: 60 # short", 1)
	code, out, log := cli(t, map[string]string{"bad.yaml": flawed}, "", "fix", "bad.yaml")
	if text, _ := os.ReadFile("bad.yaml"); code != 0 || string(text) != flawed || !strings.Contains(out, "+      terminationGracePeriodSeconds: 60 # short") {
		t.Errorf("diff: %d\n%s%s", code, out, log)
	}
	if err := os.Chmod("bad.yaml", 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, log = again(t, "", "fix", "--write", "bad.yaml")
	info, err := os.Stat("bad.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile("bad.yaml"); code != 0 || out != "" || string(text) != want || info.Mode().Perm() != 0o600 {
		t.Errorf("write: %d, mode %v\n%s%s%s", code, info.Mode(), out, log, text)
	}
	if code, out, log = again(t, "", "check", "--fix", "--write", "bad.yaml"); code != 0 || out != "" || !strings.Contains(log, "findings fixed: 0") {
		t.Errorf("again: %d\n%s%s", code, out, log)
	}
	if left, _ := filepath.Glob(".lameduck-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if code, out, _ = again(t, flawed, "fix", "--write", "-"); code != 0 || out != want {
		t.Errorf("standard input: %d\n%s", code, out)
	}
	if code, _, log = again(t, "", "fix", "--allow", "none", "bad.yaml"); code != 3 || !strings.Contains(log, "no rule is called") {
		t.Errorf("--allow none: %d %s", code, log)
	}
}

// TestReplaceFileLeavesDevices runs as root in many pipelines, where a rename over /dev/null works.
func TestReplaceFileLeavesDevices(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		text, err := os.ReadFile(pipe)
		read <- fmt.Sprintf("%s %v", text, err)
	}()
	if err := replaceFile(pipe, "text"); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "text <nil>" {
		t.Errorf("the reader got %q", got)
	}
}
