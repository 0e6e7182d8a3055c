package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// actionFile is the part of action.yml that the runner of GitHub acts on.
type actionFile struct {
	Inputs map[string]struct{ Default string }
	Runs   struct {
		Using string
		Steps []struct {
			Name, Uses, Run, Shell string
			Env                    map[string]string
			WorkingDirectory       string `json:"working-directory"`
		}
	}
}

var expression = regexp.MustCompile(`\$\{\{ *([a-z_.-]+) *\}\}`)

// expand does what the runner does with expressions, and fails on one that
// stands for nothing.
func (a actionFile) expand(t *testing.T, text string, given map[string]string) string {
	t.Helper()
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		name := expression.FindStringSubmatch(e)[1]
		if name == "github.action_path" {
			root, err := filepath.Abs("../../..")
			if err != nil {
				t.Fatal(err)
			}
			return root
		}
		input, ok := strings.CutPrefix(name, "inputs.")
		declared, there := a.Inputs[input]
		if !ok || !there {
			t.Fatalf("action.yml: %s stands for nothing", e)
		}
		if value, ok := given[input]; ok {
			return value
		}
		return declared.Default
	})
}

// TestAction runs the steps of the GitHub Action in their shell.
func TestAction(t *testing.T) {
	text, err := os.ReadFile("../../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a actionFile
	if err := yaml.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	if a.Runs.Using != "composite" || len(a.Runs.Steps) != 3 {
		t.Fatalf("%+v", a.Runs)
	}
	runner := t.TempDir()
	programIn(t, runner)

	// The build takes minutes where nothing is cached: -n says that it would do.
	build := a.Runs.Steps[1]
	cmd := exec.Command("bash", "-eo", "pipefail", "-c", build.Run)
	cmd.Dir = a.expand(t, build.WorkingDirectory, nil)
	cmd.Env = append(os.Environ(), "GOFLAGS=-n", "RUNNER_TEMP="+runner)
	if code, out := outcome(t, cmd); code != 0 || !strings.Contains(out, filepath.Join(runner, "lameduck")) {
		t.Errorf("build: exit code %d\n%s", code, out)
	}

	clean := strings.Replace(flawed, "seconds: 30\n", "seconds: 10\n", 1)
	files := map[string]string{"a/bad.yaml": flawed, "b c.yaml": clean, "good/web.yaml": clean, "good/broken.yaml": "", "pictures/a.png": "x"}
	for _, tt := range []struct {
		name   string
		inputs map[string]string
		code   int
		want   string
	}{
		{"defaults", nil, 1, "::error file=a/bad.yaml,line=15,"},
		{"two paths", map[string]string{"paths": "good a"}, 1, "::error file=a/bad.yaml"},
		{"clean", map[string]string{"paths": "good"}, 0, ""},
		{"never", map[string]string{"paths": "a", "fail-on": "never"}, 0, "::error file=a/bad.yaml"},
		{"old cluster", map[string]string{"paths": "good", "kubernetes-version": "1.28"}, 1, "sleep-action-unsupported"},
		{"sarif", map[string]string{"paths": "a", "sarif": "out.sarif"}, 1, "::error"},
		{"changed files without an object", map[string]string{"paths": "good/broken.yaml", "allow-empty": "true"}, 0, "no Kubernetes object in good/broken.yaml"},
		{"a folder without an object", map[string]string{"paths": "pictures"}, 2, "no Kubernetes object in pictures"},
		{"wrong", map[string]string{"fail-on": "loud; touch owned"}, 3, "must be info, warning"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			step := a.Runs.Steps[2]
			cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "RUNNER_TEMP="+runner)
			for name, value := range step.Env {
				cmd.Env = append(cmd.Env, name+"="+a.expand(t, value, tt.inputs))
			}
			if code, out := outcome(t, cmd); code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d, want %d with %q\n%s", code, tt.code, tt.want, out)
			}
			if tt.inputs["sarif"] != "" {
				if text, err := os.ReadFile(filepath.Join(dir, "out.sarif")); err != nil || !strings.Contains(string(text), `"2.1.0"`) {
					t.Errorf("%v\n%s", err, text)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "owned")); err == nil {
				t.Error("an input was run as a command")
			}
		})
	}
}

// TestPreCommitHooks runs the hooks as pre-commit does: the entry with the
// changed files behind it.
func TestPreCommitHooks(t *testing.T) {
	text, err := os.ReadFile("../../../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var hooks []struct {
		ID, Entry, Language, Exclude string
	}
	if err := yaml.Unmarshal(text, &hooks); err != nil || len(hooks) != 2 {
		t.Fatal(hooks, err)
	}
	bin := t.TempDir()
	programIn(t, bin)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	clean := strings.Replace(flawed, "seconds: 30\n", "seconds: 10\n", 1)
	for i, want := range []struct {
		id      string
		code    int
		changes bool
	}{{"lameduck-check", 1, false}, {"lameduck-fix", 0, true}} {
		hook := hooks[i]
		t.Run(want.id, func(t *testing.T) {
			if hook.ID != want.id || hook.Language != "golang" {
				t.Fatalf("%+v", hook)
			}
			exclude := regexp.MustCompile(hook.Exclude)
			if !exclude.MatchString("charts/web/templates/web.yaml") || exclude.MatchString("deploy/web.yaml") {
				t.Errorf("exclude %q", hook.Exclude)
			}
			entry := strings.Fields(hook.Entry)
			for _, file := range []struct {
				name, text string
				code       int
				changes    bool
			}{{"bad.yaml", flawed, want.code, want.changes}, {"good.yaml", clean, 0, false}, {"values.yaml", "a: 1\n", 0, false}} {
				dir := t.TempDir()
				path := filepath.Join(dir, file.name)
				if err := os.WriteFile(path, []byte(file.text), 0o644); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(entry[0], append(entry[1:], file.name)...)
				cmd.Dir = dir
				code, out := outcome(t, cmd)
				after, err := os.ReadFile(path)
				if code != file.code || err != nil || (string(after) != file.text) != file.changes {
					t.Errorf("%s: exit code %d, want %d; changed %v, want %v\n%s", file.name, code, file.code, string(after) != file.text, file.changes, out)
				}
			}
		})
	}
}
