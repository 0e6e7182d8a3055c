package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lameduck-dev/lameduck/check/render/rendertest"
)

// A checkout, with what a pull request may put into it: links that lead out of it, or to what is hidden in it.
var checkout = struct{ files, links map[string]string }{
	files: map[string]string{
		"chart/Chart.yaml":            "apiVersion: v2\nname: web\nversion: 0.1.0\n",
		"chart/templates/a.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ toJson .Values | b64enc | trunc 3 | lower }}}\ndata: {a: {{ toJson .Values | quote }}}\n{{ fail (toJson .Values) }}\n",
		"link/chart/Chart.yaml":       "apiVersion: v2\nname: web\nversion: 0.1.0\n",
		"link/chart/templates/a.yaml": "{{ fail (.Files.Get \"x.txt\") }}\n",
		"kustomization.yaml": "resources: [app.yaml]\nconfigMapGenerator: [{name: g, envs: [.env]}]\n" +
			"replacements: [{source: {kind: ConfigMap, name: g, fieldPath: data.TOKEN}, targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.name]}]}]\n",
		"app.yaml":                renderedApp,
		".env":                    "TOKEN: " + rendertest.Leak + "\nTOKEN=" + rendertest.Leak + "\n",
		".git/config":             "TOKEN: " + rendertest.Leak + "\n",
		"plain/app.yaml":          renderedApp,
		"hiding/app.yaml":         renderedApp,
		"hiding/.git/secret.yaml": secretMap,
	},
	links: map[string]string{
		"up": "../..", "self": ".", "out": "../outside", "git": ".git", "back": "../alias/plain",
		"link/chart/x.txt": "../../../outside/secret.yaml",
		"out.yaml":         "../outside/secret.yaml", "absolute.yaml": "OUTSIDE/secret.yaml", "twice.yaml": "plain/../out.yaml",
		"git.yaml": ".git/config", "env.yaml": ".env", "gone.yaml": "../outside/none",
		"zero.yaml": "/dev/zero", "hiding/x.yaml": ".git/secret.yaml",
	},
}

const secretMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: leaked}\nLEAK: LEAK\n"

// putCheckout makes the checkout beside a folder outside, and a link to it, as a home may be one.
func putCheckout(t *testing.T) (base string) {
	t.Helper()
	base = t.TempDir()
	rendertest.PutSecret(t, filepath.Join(base, "outside/secret.yaml"))
	for path, text := range checkout.files {
		rendertest.Put(t, filepath.Join(base, "repo", path), text)
	}
	links := map[string]string{"alias": "repo", "private": "outside"}
	for path, to := range checkout.links {
		links[filepath.Join("repo", path)] = strings.ReplaceAll(to, "OUTSIDE", filepath.Join(base, "outside"))
	}
	for path, to := range links {
		if err := os.Symlink(to, filepath.Join(base, path)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(base, "repo/fifo.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	return base
}

// lameduckIn runs a command line in a folder, which it is told by PWD as a shell does.
func lameduckIn(t *testing.T, base, from, args string) (code int, out string) {
	t.Helper()
	t.Chdir(filepath.Join(base, from))
	code, stdout, stderr := again(t, "", strings.Fields(strings.ReplaceAll(args, "BASE", base))...)
	return code, stdout + stderr
}

// TestNamedLinks: a link in the working folder may come with a pull request. What it leads to outside
// of the folder, or hidden in it, is not read, however the path and the working folder are spelled.
func TestNamedLinks(t *testing.T) {
	base := putCheckout(t)
	const out, hidden = "a symbolic link leads out of the working folder", "a symbolic link leads to what is hidden"
	inputs := map[string]string{
		"out.yaml": out, "absolute.yaml": out, "twice.yaml": out, "git.yaml": hidden, "env.yaml": hidden, "gone.yaml": out, "zero.yaml": out, "fifo.yaml": "not a regular file",
		"out/secret.yaml": out, "git/config": hidden, "plain/../out.yaml": out, "./plain/../out/secret.yaml": out,
	}
	for name, want := range inputs {
		for _, from := range []string{"repo", "alias"} {
			for _, path := range []string{name, "BASE/repo/" + name, "BASE/alias/" + name, "../alias/" + name, "self/" + name} {
				for _, args := range []string{"check ", "inject --all ", "timeline ", "check --values ", "timeline --values ", "check --config ", "check --baseline ", "check --image-facts ", "check --image-archive "} {
					if path != name && !strings.HasPrefix(args, "check --values") && args != "inject --all " {
						continue // each way of reading, and each spelling, rather than each of them with each
					}
					line := args + path
					if strings.Contains(args, "--") && !strings.HasPrefix(args, "inject") {
						line += " chart"
					}
					code, text := lameduckIn(t, base, from, line)
					if code == 0 || strings.Contains(text, rendertest.Leak) || !strings.Contains(text, want) {
						t.Errorf("in %s, %s: exit code %d, want %q\n%.600s", from, line, code, want, text)
					}
				}
			}
		}
	}
}

// TestNamedFolderLinks: the same of named folders, and of the links in them.
func TestNamedFolderLinks(t *testing.T) {
	base := putCheckout(t)
	const out, hidden = "a symbolic link leads out of the working folder", ".env is hidden"
	for _, c := range []struct{ from, names, want string }{
		{"repo", "up", out},
		{"alias", "up", out},
		{"repo", "out", out},
		{"repo", "BASE/alias/up", out},
		{"repo", "git", "leads to what is hidden"},
		{"repo", "self", hidden},
		{"repo", ".", hidden},
		{"repo", "BASE/repo", hidden},
		{"repo", "BASE/alias", hidden},
		{"repo", "../repo", hidden},
		{"alias", ".", hidden},
		{"alias", "BASE/repo", hidden},
		{"alias", "BASE/alias", hidden},
		{"repo/plain", "..", hidden},
		{"repo/plain", "BASE/alias", hidden},
		{"outside", "BASE/repo", hidden},
		{"outside", "../alias", hidden},
		{"", "alias", hidden},
		{"", "repo", hidden},
		{"", "BASE/repo", hidden},
		{"", ".", hidden},
		{"repo", "link", "leads out of"},
		{"repo", "hiding", "hiding/x.yaml"},
		{"outside", "BASE/repo/hiding", "leads to what is hidden"},
	} {
		for _, command := range []string{"check ", "timeline ", "fix ", "inject --all "} {
			code, text := lameduckIn(t, base, c.from, command+c.names)
			rendered := strings.HasPrefix(c.want, ".env") || c.names == "link"
			told := strings.Contains(text, c.want) || rendered && strings.HasPrefix(command, "inject") // which renders nothing
			if strings.Contains(text, rendertest.Leak) {
				t.Errorf("in %s, %s%s leaked:\n%.800s", c.from, command, c.names, text)
			}
			if code == 0 || !told {
				t.Errorf("in %s, %s%s: exit code %d, want %q\n%.800s", c.from, command, c.names, code, c.want, text)
			}
		}
	}
}

// TestNamedPaths: what the user names outside of the working folder is their own choice, whatever links
// the way has; and so is what a shell passes on.
func TestNamedPaths(t *testing.T) {
	base := putCheckout(t)
	values := filepath.Join(base, "values.yaml")
	write(t, values, "a: seen\n")
	mount := filepath.Join(base, "repo/mount")
	write(t, filepath.Join(mount, "..2026/app.yaml"), renderedApp)
	write(t, filepath.Join(mount, "..2026/values.yaml"), "a: seen\n")
	for at, to := range map[string]string{"..data": "..2026", "app.yaml": "..data/app.yaml", "values.yaml": "..data/values.yaml"} {
		if err := os.Symlink(to, filepath.Join(mount, at)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(base, "other/Chart.yaml"), "apiVersion: v2\nname: other\nversion: 0.1.0\n")
	write(t, filepath.Join(base, "other/templates/a.yaml"), "{{ fail .Values.a }}\n")
	if err := os.Symlink("values.yaml", filepath.Join(base, "linked.yaml")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, script, want string }{
		"an absolute path":                 {"repo", "lameduck check BASE/outside/secret.yaml", "1 object"},
		"through a link outside":           {"repo", "lameduck check BASE/private/secret.yaml", "1 object"},
		"upwards":                          {"repo", "lameduck check ../private/secret.yaml", "1 object"},
		"by a link that comes back":        {"repo", "lameduck check back", "container web"},
		"a folder that is a link":          {"", "lameduck check alias/plain", "container web"},
		"a hidden file, by its own name":   {"repo", "lameduck check hiding/.git/secret.yaml", "1 object"},
		"a mounted ConfigMap":              {"repo", "lameduck check mount", "container web"},
		"a file of a mounted ConfigMap":    {"repo", "lameduck check mount/app.yaml", "container web"},
		"values of a mounted ConfigMap":    {"repo", "lameduck check --values mount/values.yaml chart", "seen"},
		"values elsewhere":                 {"repo", "lameduck check --values BASE/values.yaml chart", "seen"},
		"values by a link elsewhere":       {"repo", "lameduck check --values ../linked.yaml chart", "seen"},
		"standard input":                   {"repo", "lameduck check - <plain/app.yaml", "container web"},
		"/dev/stdin, a file":               {"repo", "lameduck check /dev/stdin <plain/app.yaml", "container web"},
		"/dev/stdin, a pipe":               {"repo", "cat plain/app.yaml | lameduck check /dev/stdin", "container web"},
		"values from /dev/stdin":           {"repo", "cat ../values.yaml | lameduck check --values /dev/stdin chart", "seen"},
		"values for two charts, a pipe":    {"repo", "cat ../values.yaml | lameduck check --values /dev/stdin chart BASE/other", "other/templates/a.yaml:1:3): seen"},
		"process substitution":             {"repo", "lameduck check <(cat plain/app.yaml)", "container web"},
		"values by process substitution":   {"repo", "lameduck check --values <(cat ../values.yaml) chart", "seen"},
		"config by process substitution":   {"repo", "lameduck check --config <(echo 'rules: {no-prestop: off, pdb-missing: off}') plain", "0 warnings"},
		"from the root of the disk":        {"/", "lameduck check <(cat BASE/repo/plain/app.yaml)", "container web"},
		"from the root of the disk, stdin": {"/", "cat BASE/repo/plain/app.yaml | lameduck inject --all /dev/stdin", "lameduck-agent"},
	} {
		t.Run(name, func(t *testing.T) {
			from := filepath.Join(base, c.from)
			if c.from == "/" {
				from = c.from
			}
			cmd := exec.Command("bash", "-c", strings.ReplaceAll(c.script, "BASE", base))
			cmd.Dir = from
			cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(programIn(t, t.TempDir()))+":"+os.Getenv("PATH"), "PWD="+from)
			if code, text := outcome(t, cmd); !strings.Contains(text, c.want) || strings.Contains(text, "symbolic link") {
				t.Errorf("exit code %d, want %q\n%.1000s", code, c.want, text)
			}
		})
	}
}
