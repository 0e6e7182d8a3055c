package render

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/check/render/rendertest"
	"github.com/lameduck-dev/lameduck/manifest"
)

// TestLayouts: how people lay out charts and kustomizations is rendered, started from the root of
// their repository, which has a .git and a .env.
func TestLayouts(t *testing.T) {
	const app = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1}\n"
	const component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: patch.yaml}]\n"
	const patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n"
	const chart = "apiVersion: v2\nname: web\nversion: 0.1.0\n"
	const web = "Deployment web"
	for name, c := range map[string]struct {
		files, links map[string]string
		from         string // the working folder, within the repository
		named        []string
		want         string // what is rendered, or a part of the problem
	}{
		"a base beside the overlays": {
			files: map[string]string{"deploy/overlays/prod/kustomization.yaml": "resources: [../../base]\n", "deploy/base/kustomization.yaml": "resources: [app.yaml]\n", "deploy/base/app.yaml": app},
			named: []string{"deploy/overlays/prod"}, want: web,
		},
		"the folder of both": {
			files: map[string]string{"deploy/overlays/prod/kustomization.yaml": "resources: [../../base]\n", "deploy/base/kustomization.yaml": "resources: [app.yaml]\n", "deploy/base/app.yaml": app},
			named: []string{"deploy"}, want: web,
		},
		"the repository": {
			files: map[string]string{"deploy/overlays/prod/kustomization.yaml": "resources: [../../base]\n", "deploy/base/kustomization.yaml": "resources: [app.yaml]\n", "deploy/base/app.yaml": app},
			named: []string{"."}, want: web,
		},
		"from a folder below": {
			files: map[string]string{"deploy/overlays/prod/kustomization.yaml": "resources: [../../base]\n", "deploy/base/kustomization.yaml": "resources: [app.yaml]\n", "deploy/base/app.yaml": app},
			from:  "deploy/overlays", named: []string{"..", "prod"}, want: web,
		},
		"a chain of bases": {
			files: map[string]string{"eu/prod/kustomization.yaml": "resources: [../../all/prod]\n", "all/prod/kustomization.yaml": "resources: [../../base]\npatches: [{path: sub/patch.yaml}]\n", "all/prod/sub/patch.yaml": patch, "base/kustomization.yml": "resources: [app.yaml]\n", "base/app.yaml": app},
			named: []string{"eu/prod"}, want: web + " x3",
		},
		"bases, as it was": {
			files: map[string]string{"prod/kustomization.yaml": "bases: [../base]\n", "base/Kustomization": "resources: [./app.yaml]\n", "base/app.yaml": app},
			named: []string{"prod"}, want: web,
		},
		"a component beside": {
			files: map[string]string{"overlays/prod/kustomization.yaml": "resources: [app.yaml]\ncomponents: [../../components/large]\n", "overlays/prod/app.yaml": app, "components/large/kustomization.yaml": component, "components/large/patch.yaml": patch},
			named: []string{"overlays/prod"}, want: web + " x3",
		},
		"files of a generator": {
			files: map[string]string{"prod/kustomization.yaml": "resources: [app.yaml]\nconfigMapGenerator: [{name: c, files: [a=conf/a.txt], envs: [.env.prod], options: {disableNameSuffixHash: true}}]\n", "prod/app.yaml": app, "prod/conf/a.txt": "x", "prod/.env.prod": "A=b\n"},
			named: []string{"prod"}, want: web + ", ConfigMap c",
		},
		"a base with links of its own": {
			files: map[string]string{"prod/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": "resources: [link.yaml]\n", "base/v1/app.yaml": app},
			links: map[string]string{"base/link.yaml": "v1/app.yaml"},
			named: []string{"prod"}, want: web,
		},
		"a kustomization at the root": {
			files: map[string]string{"kustomization.yaml": "resources: [app.yaml]\n", "app.yaml": app},
			named: []string{"."}, want: web,
		},
		"a chart at the root": {
			files: map[string]string{"Chart.yaml": chart, "templates/app.yaml": app, ".helmignore": "*.md\n"},
			named: []string{"."}, want: web,
		},
		"a chart of a folder of charts": {
			files: map[string]string{"charts/web/Chart.yaml": chart, "charts/web/templates/app.yaml": app, "charts/web/.helmignore": ".git/\n"},
			named: []string{"charts/web"}, want: web,
		},
		"a chart that links to its neighbour": {
			files: map[string]string{"charts/web/Chart.yaml": chart, "charts/common/app.yaml": app},
			links: map[string]string{"charts/web/templates": "../common"},
			named: []string{"charts"}, want: web,
		},
		"the same, named alone": {
			files: map[string]string{"charts/web/Chart.yaml": chart, "charts/common/app.yaml": app},
			links: map[string]string{"charts/web/templates": "../common"},
			named: []string{"charts/web"}, want: "a symbolic link leads out of",
		},
		"a mounted ConfigMap": {
			files: map[string]string{"mount/..1/kustomization.yaml": "resources: [app.yaml]\n", "mount/..1/app.yaml": app},
			links: map[string]string{"mount/..data": "..1", "mount/kustomization.yaml": "..data/kustomization.yaml", "mount/app.yaml": "..data/app.yaml"},
			named: []string{"mount"}, want: web,
		},
		"an overlay, from within it": {
			files: map[string]string{"prod/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": "resources: [app.yaml]\n", "base/app.yaml": app},
			from:  "prod", named: []string{"."}, want: "name a folder that holds both, or start in one",
		},
		"a generator that asks for .env": {
			files: map[string]string{"kustomization.yaml": "configMapGenerator: [{name: c, envs: [.env]}]\n"},
			named: []string{"."}, want: ".env is hidden, and nothing hidden is read",
		},
	} {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			for path, text := range c.files {
				rendertest.Put(t, filepath.Join(work, path), text)
			}
			for path, to := range c.links {
				if err := os.Symlink(to, filepath.Join(work, path)); err != nil {
					t.Fatal(err)
				}
			}
			rendertest.PutSecret(t, filepath.Join(work, ".git/config"))
			rendertest.PutSecret(t, filepath.Join(work, ".env"))
			t.Chdir(filepath.Join(work, c.from))
			r := &Renderer{KubernetesVersion: "1.34"}
			r.Scan(c.named)
			in, err := (&manifest.Loader{Render: r.Folder}).Load(context.Background(), c.named...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range in.Files {
				for _, o := range f.Objects {
					if text := o.String(); f.Rendered {
						if n := o.Spec("replicas").IntOr(1); n > 1 {
							text += fmt.Sprintf(" x%d", n)
						}
						got = append(got, text)
					}
				}
			}
			for _, p := range in.Problems {
				got = append(got, p.Text)
			}
			if text := strings.Join(got, ", "); text != c.want && (len(in.Problems) != 1 || !strings.Contains(text, c.want)) {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}
