package render

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/lameduck-dev/lameduck/workload"
)

// kustomization is the path of a folder's kustomization, "" if it has none.
func kustomization(dir string) string {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if path := filepath.Join(dir, name); exists(path) {
			return path
		}
	}
	return ""
}

// includes are the files and folders that a folder's kustomization names.
func includes(dir string) []string {
	text, err := os.ReadFile(kustomization(dir))
	if err != nil {
		return nil
	}
	root, err := workload.ParseValue(string(text))
	if err != nil {
		return nil
	}
	var out []string
	for _, field := range []string{"resources", "bases", "components"} {
		out = append(out, root.Get(field).Strings()...)
	}
	return out
}

// kustomize builds a kustomization as `kustomize build` does, without plugins
// and without fetching anything.
func kustomize(dir string) ([]*workload.File, []workload.Problem) {
	path := kustomization(dir)
	if err := complete(dir, map[string]bool{}); err != nil {
		return nil, problem(path, err)
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, problem(path, err)
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, problem(path, err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, problem(path, err)
	}
	f, problems := parse(path, string(text), string(source))
	return []*workload.File{f}, problems
}

// complete reports what a kustomization names and the disk does not hold: a
// base in another repository would be fetched.
func complete(dir string, seen map[string]bool) error {
	real := realPath(dir)
	if seen[real] {
		return nil
	}
	seen[real] = true
	for _, include := range includes(dir) {
		path := filepath.Join(dir, include)
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("%s is not on this disk, and nothing is fetched; run kustomize build and check its output", include)
		}
		if info.IsDir() {
			if err := complete(path, seen); err != nil {
				return err
			}
		}
	}
	return nil
}
