// Package rendertest has the folders by which tests try to make the renderer reach out.
package rendertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Folder is a kustomization or a chart: the text of its files by their paths.
type Folder map[string]string

// Leak is what a secret holds: it must show nowhere.
const Leak = "LEAK"

// Secrets are where the secrets lie beside the named folders, in the working folder: a checkout has
// credentials in .git/config, and CI systems write theirs beside it.
var Secrets = []string{"secret.yaml", ".env", ".git/config", ".git/secret.yaml", "sibling/secret.yaml"}

// Hostile gives folders that reach out by every field that takes a path or an address: for a server,
// given by its host and port, for secret.yaml in a folder outside, and for the Secrets beside them.
func Hostile(server, outside string) map[string]Folder {
	url := "http://" + server + "/x.yaml"
	repo := "git::http://" + server + "/org/repo//base?ref=v1"
	cases := map[string]Folder{}
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
		hows := map[string]string{"url": url, "outside": filepath.Join(outside, "secret.yaml"), "upwards": "../../../../../../../../.." + filepath.Join(outside, "secret.yaml"), "link": "link.yaml"}
		for _, secret := range Secrets {
			hows["beside "+secret] = "../" + secret
			hows["link to "+secret] = "link.yaml"
			hows["linked folder of "+secret] = "folder/" + filepath.Base(secret)
		}
		for how, path := range hows {
			cases[field+", "+how] = Folder{"kustomization.yaml": "resources: [a.yaml]\n" + strings.Replace(text, "%", path, 1) + "\n"}
			if field == "resources" {
				cases[field+", "+how]["kustomization.yaml"] = "resources: [a.yaml, '" + path + "']\n"
			}
		}
	}
	for name, address := range map[string]string{"git over http": repo, "scp": "git@127.0.0.1:org/repo", "file": "file://" + outside, "github": "github.com/org/repo", "ssh": "ssh://git@127.0.0.1/org/repo"} {
		for _, field := range []string{"resources", "components", "generators", "transformers", "validators"} {
			cases[field+", "+name] = Folder{"kustomization.yaml": field + ": ['" + address + "']\n"}
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
			cases[name+" in "+field] = Folder{"kustomization.yaml": "resources: [a.yaml]\n" + field + ": [config.yaml]\n", "config.yaml": config}
			cases[name+" inline in "+field] = Folder{"kustomization.yaml": "resources: [a.yaml]\n" + field + ":\n- |\n  " + strings.ReplaceAll(config, "\n", "\n  ") + "\n"}
		}
	}
	cases["transformers of a folder"] = Folder{
		"kustomization.yaml":   "resources: [a.yaml]\ntransformers: [t]\n",
		"t/kustomization.yaml": "resources: [c.yaml]\npatches: [{patch: '[{op: add, path: /path, value: \"" + url + "\"}]', target: {kind: PatchTransformer}}]\n",
		"t/c.yaml":             "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\ntarget: {kind: ConfigMap}\n",
	}
	cases["in a base"] = Folder{"kustomization.yaml": "resources: [base]\n", "base/kustomization.yaml": "resources: ['" + url + "']\n"}
	cases["helmCharts"] = Folder{"kustomization.yaml": "helmCharts: [{name: c, repo: '" + url + "'}]\n"}
	chart := func(read string) Folder {
		return Folder{"Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n", "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: {{ .Files.Get \"" + read + "\" | quote }}}\n"}
	}
	cases["a chart's link to a file"] = chart("link.yaml")
	for _, secret := range Secrets {
		cases["a chart's link to "+secret] = chart("link.yaml")
		cases["a chart's linked folder of "+secret] = chart("folder/" + filepath.Base(secret))
	}
	for _, field := range []string{"resources", "bases", "components"} {
		cases[field+", base that is a linked folder of sibling/secret.yaml"] = Folder{"kustomization.yaml": field + ": [folder]\n"}
		cases[field+", base by a link beside"] = Folder{"kustomization.yaml": field + ": [../alias]\n"}
		cases[field+", base that links out"] = Folder{"kustomization.yaml": field + ": [../hostile]\n"}
		cases[field+", hidden base"] = Folder{"kustomization.yaml": field + ": [../.git]\n"}
		cases[field+", working folder"] = Folder{"kustomization.yaml": field + ": [..]\n"}
	}
	return cases
}

// Put writes the folder called name to dir, and the link that it needs: to secret.yaml outside, or to
// one of the Secrets beside dir or its folder.
func (f Folder) Put(t *testing.T, name, dir, outside string) {
	t.Helper()
	for path, text := range f {
		Put(t, filepath.Join(dir, path), text)
	}
	Put(t, filepath.Join(dir, "a.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
	if _, secret, ok := strings.Cut(name, "link to "); ok && secret != "a file" {
		link(t, filepath.Join("..", secret), filepath.Join(dir, "link.yaml"))
	} else if _, secret, ok := strings.Cut(name, "linked folder of "); ok {
		link(t, filepath.Join("..", filepath.Dir(secret)), filepath.Join(dir, "folder"))
	} else if strings.Contains(name, "link") {
		link(t, filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "link.yaml"))
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

// PutSecrets writes the Secrets to a working folder, and bases that lead to them.
func PutSecrets(t *testing.T, work string) {
	t.Helper()
	for _, path := range Secrets {
		PutSecret(t, filepath.Join(work, path))
	}
	for _, dir := range []string{".", ".git", "sibling"} {
		Put(t, filepath.Join(work, dir, "kustomization.yaml"), "resources: [secret.yaml]\n")
	}
	Put(t, filepath.Join(work, "hostile/kustomization.yaml"), "resources: [secret.yaml]\n")
	link(t, "../secret.yaml", filepath.Join(work, "hostile/secret.yaml"))
	link(t, "sibling", filepath.Join(work, "alias"))
}

// PutSecret writes a secret that is a manifest.
func PutSecret(t *testing.T, path string) {
	t.Helper()
	Put(t, path, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: leaked}\ndata: {a: "+Leak+"}\n")
}

// Put writes a file and the folders that it lies in.
func Put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
