package render

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestNothingOutside builds kustomizations and charts that reach out by every field that takes
// a path, and looks at what is touched: a server that counts its calls, a git on PATH that leaves
// a mark, and a folder outside in which the kernel reports every open.
func TestNothingOutside(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var calls atomic.Int64
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = c.Close()
		}
	}()
	outside, programs := t.TempDir(), t.TempDir()
	put(t, filepath.Join(outside, "secret.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: leaked}\ndata: {a: LEAK}\n")
	put(t, filepath.Join(programs, "git"), "#!/bin/sh\n: >"+programs+"/ran\n")
	put(t, filepath.Join(programs, "helm"), "#!/bin/sh\n: >"+programs+"/ran\n")
	for _, name := range []string{"git", "helm"} {
		if err := os.Chmod(filepath.Join(programs, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs)
	watch, err := syscall.InotifyInit1(syscall.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(watch)
	if _, err := syscall.InotifyAddWatch(watch, outside, syscall.IN_OPEN|syscall.IN_ACCESS); err != nil {
		t.Fatal(err)
	}
	opened := func() bool { n, _ := syscall.Read(watch, make([]byte, 4096)); return n > 0 }
	if _, err := os.ReadFile(filepath.Join(outside, "secret.yaml")); err != nil || !opened() {
		t.Fatal("the control is not seen:", err)
	}

	url := "http://" + server.Addr().String() + "/x.yaml"
	repo := "git::http://" + server.Addr().String() + "/org/repo//base?ref=v1"
	cases := map[string]map[string]string{}
	for field, text := range map[string]string{
		"resources": "resources: [%]", "bases": "bases: [%]", "components": "components: [%]", "crds": "crds: [%]",
		"configurations": "configurations: [%]", "openapi": "openapi: {path: %}", "patches": "patches: [{path: %}]",
		"patchesJson6902":       "patchesJson6902: [{path: %, target: {version: v1, kind: ConfigMap, name: a}}]",
		"patchesStrategicMerge": "patchesStrategicMerge: [%]", "replacements": "replacements: [{path: %}]",
		"configMapGenerator files": "configMapGenerator: [{name: g, files: [%]}]", "configMapGenerator key": "configMapGenerator: [{name: g, files: [a=%]}]",
		"configMapGenerator envs": "configMapGenerator: [{name: g, envs: [%]}]", "configMapGenerator env": "configMapGenerator: [{name: g, env: %}]",
		"secretGenerator files": "secretGenerator: [{name: g, files: [%]}]", "secretGenerator envs": "secretGenerator: [{name: g, envs: [%]}]",
		"generators": "generators: [%]", "transformers": "transformers: [%]", "validators": "validators: [%]",
	} {
		for how, path := range map[string]string{"url": url, "outside": filepath.Join(outside, "secret.yaml"), "upwards": "../../../../../../../../.." + filepath.Join(outside, "secret.yaml"), "link": "link.yaml"} {
			cases[field+", "+how] = map[string]string{"kustomization.yaml": "resources: [a.yaml]\n" + strings.Replace(text, "%", path, 1) + "\n"}
			if field == "resources" {
				cases[field+", "+how]["kustomization.yaml"] = "resources: [a.yaml, '" + path + "']\n"
			}
		}
	}
	for name, address := range map[string]string{"git over http": repo, "scp": "git@127.0.0.1:org/repo", "file": "file://" + outside, "github": "github.com/org/repo", "ssh": "ssh://git@127.0.0.1/org/repo"} {
		for _, field := range []string{"resources", "components", "generators", "transformers", "validators"} {
			cases[field+", "+name] = map[string]string{"kustomization.yaml": field + ": ['" + address + "']\n"}
		}
	}
	for name, config := range map[string]string{
		"built-in patch":       "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: \"\\x68ttp" + strings.TrimPrefix(url, "http") + "\"\ntarget: {kind: ConfigMap}\n",
		"built-in generator":   "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: p}\nfiles: ['a=" + url + "']\n",
		"function":             "apiVersion: v1\nkind: F\nmetadata: {name: p, annotations: {config.kubernetes.io/function: 'exec: {path: ./run.sh}'}}\n",
		"helm generator":       "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: p}\nname: c\nrepo: " + url + "\n",
		"built-in out of tree": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: p}\nfiles: ['" + outside + "/secret.yaml']\n",
	} {
		for _, field := range []string{"generators", "transformers", "validators"} {
			cases[name+" in "+field] = map[string]string{"kustomization.yaml": "resources: [a.yaml]\n" + field + ": [config.yaml]\n", "config.yaml": config}
			cases[name+" inline in "+field] = map[string]string{"kustomization.yaml": "resources: [a.yaml]\n" + field + ":\n- |\n  " + strings.ReplaceAll(config, "\n", "\n  ") + "\n"}
		}
	}
	cases["transformers of a folder"] = map[string]string{
		"kustomization.yaml":   "resources: [a.yaml]\ntransformers: [t]\n",
		"t/kustomization.yaml": "resources: [c.yaml]\npatches: [{patch: '[{op: add, path: /path, value: \"" + url + "\"}]', target: {kind: PatchTransformer}}]\n",
		"t/c.yaml":             "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\ntarget: {kind: ConfigMap}\n",
	}
	cases["in a base"] = map[string]string{"kustomization.yaml": "resources: [base]\n", "base/kustomization.yaml": "resources: ['" + url + "']\n"}
	cases["helmCharts"] = map[string]string{"kustomization.yaml": "helmCharts: [{name: c, repo: '" + url + "'}]\n"}
	cases["a chart's link to a file"] = map[string]string{"Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n", "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: {{ .Files.Get \"link.yaml\" | quote }}}\n"}

	for name, files := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, text := range files {
				put(t, filepath.Join(dir, path), text)
			}
			put(t, filepath.Join(dir, "a.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
			if strings.Contains(name, "link") {
				if err := os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "link.yaml")); err != nil {
					t.Fatal(err)
				}
			}
			r := &Renderer{KubernetesVersion: "1.34"}
			r.Scan([]string{dir})
			found, problems, _ := r.Folder(dir)
			for _, f := range found {
				if strings.Contains(f.Src, "LEAK") {
					t.Errorf("it leaked:\n%s", f.Src)
				}
			}
			if len(problems) != 1 {
				t.Errorf("%v: want one problem", problems)
			}
			if opened() {
				t.Error("something outside was opened")
			}
			if n := calls.Load(); n > 0 {
				t.Errorf("the server was called %d times", n)
			}
			if _, err := os.Stat(filepath.Join(programs, "ran")); err == nil {
				t.Error("a program was run")
			}
		})
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
