package files

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/manifest/growthtest"
)

var update = flag.Bool("update", false, "write the golden files")

var settings = inject.Settings{
	AgentImage:   "registry.example/lameduck-agent:v1",
	HubAddresses: []string{"10.96.0.17:80", "lameduck-hub.lameduck-system.svc:80"},
	HubKey:       "aHViIGtleQ==",
}

// run injects one text and gives it back changed, with what the command would say.
func run(t *testing.T, path, src string, settings inject.Settings) (out, said string) {
	t.Helper()
	file, problems := manifest.Parse(path, src)
	if len(problems) > 0 {
		t.Fatalf("reading %s: %v", path, problems)
	}
	texts, reports, err := Inject([]*manifest.File{file}, Options{Settings: settings, Namespace: "default"})
	if err != nil {
		return src, "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, r := range reports {
		fmt.Fprintf(&b, "%s:%d %s\n", r.Path, r.Line, r)
	}
	return texts[0], b.String()
}

// TestGolden runs every testdata/NAME/in.yaml (or in.json) and compares with out and said.txt.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*/in.*")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, path := range inputs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out, said := run(t, filepath.Base(path), string(src), settings)
			golden(t, filepath.Join(dir, "out"+filepath.Ext(path)), out)
			golden(t, filepath.Join(dir, "said.txt"), said)

			again, _ := run(t, "out", out, settings)
			if diff := cmp.Diff(out, again); diff != "" {
				t.Errorf("a second pass changes something (-once +twice):\n%s", diff)
			}
			renewed := settings
			renewed.AgentImage = "registry.example/lameduck-agent:v2"
			renewed.HubAddresses = []string{"10.96.0.18:80"}
			want, _ := run(t, "in", string(src), renewed)
			got, _ := run(t, "out", out, renewed)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("with another agent, renewing is not as injecting (-injected +renewed):\n%s", diff)
			}
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestOptingOutRestoresTheText takes an injected file out again: what is left is the file as
// it was, but for the grace period.
func TestOptingOutRestoresTheText(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", "deployment", name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(data), `lameduck.dev/inject: "true"`, `lameduck.dev/inject: "false"`)
	}
	got, said := run(t, "out.yaml", read("out.yaml"), settings)
	want := strings.Replace(read("in.yaml"), "      volumes:\n      - name: cache\n        emptyDir: {}   # scratch\n",
		"      volumes:\n      - name: cache\n        emptyDir: {}   # scratch\n      terminationGracePeriodSeconds: 60\n", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !strings.Contains(said, "took out what was injected before (label on the namespace)") {
		t.Errorf("said %q", said)
	}
}

// TestAcrossFiles checks that a Namespace in one file decides about a pod in another, that
// --all does not overrule a no, and that one bad document stops everything.
func TestAcrossFiles(t *testing.T) {
	parse := func(src string) *manifest.File {
		file, problems := manifest.Parse("f.yaml", src)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return file
	}
	pod := func(name, namespace string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nspec: {containers: [{name: a, image: a}]}\n"
	}
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {lameduck.dev/inject: \"true\"}}\n---\n" +
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: not, labels: {lameduck.dev/inject: \"false\"}}\n"
	files := []*manifest.File{parse(pod("a", "shop")), parse(pod("b", "other") + "---\n" + pod("c", "not")), parse(namespace)}
	for _, all := range []bool{false, true} {
		texts, reports, err := Inject(files, Options{Settings: settings, Namespace: "default", All: all})
		if err != nil {
			t.Fatal(err)
		}
		var got []bool
		for _, r := range reports {
			got = append(got, len(r.Changes) > 0)
		}
		if diff := cmp.Diff([]bool{true, all, false}, got); diff != "" {
			t.Errorf("all=%t: changed (-want +got):\n%s", all, diff)
		}
		if texts[2] != namespace {
			t.Errorf("the namespaces were changed:\n%s", texts[2])
		}
	}
	bad := parse("apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {lameduck.dev/inject: maybe}}\n")
	if texts, _, err := Inject(append(files, bad), Options{Settings: settings}); err == nil || texts != nil {
		t.Errorf("with a bad document: %q, %v", texts, err)
	}
}

// TestLeftOut: what makes pods and is not injected is named, whoever opts it in or nobody.
func TestLeftOut(t *testing.T) {
	const knative = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: kn, namespace: shop}\nspec: {template: {spec: {containers: [{image: x}]}}}\n"
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: plain}\nspec: {selector: {a: b}}\n"
	for name, src := range map[string]string{
		"nobody":           knative,
		"its own label":    strings.Replace(knative, "template: {", "template: {metadata: {labels: {lameduck.dev/inject: \"true\"}}, ", 1),
		"a DrainPolicy":    knative + "---\napiVersion: lameduck.dev/v1alpha1\nkind: DrainPolicy\nmetadata: {name: p, namespace: shop}\nspec: {selector: {}}\n",
		"beside a Service": service + "---\n" + knative,
	} {
		out, said := run(t, "in.yaml", src, settings)
		if out != src || !strings.Contains(said, "Service shop/kn: skipped: Knative refuses preStop hooks") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: said %q, changed %v", name, said, out != src)
		}
	}
}

// TestManyObjects: the time grows with the input, not with its square, whether it is one
// line, one document or many.
func TestManyObjects(t *testing.T) {
	const many = 125
	deployment := `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"template":{"metadata":{"labels":{"lameduck.dev/inject":"true"}},"spec":{"containers":[{"name":"a","image":"a"}]}}}}`
	pretty := strings.NewReplacer(`{`, "{\n ", `}`, "\n}", `,`, ",\n ").Replace(deployment)
	pod := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: {lameduck.dev/inject: \"true\"}\nspec:\n  containers:\n  - name: a\n    image: a\n"
	list := func(one string, n int) string {
		return `{"apiVersion":"v1","kind":"List","items":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`
	}
	for name, source := range map[string]func(n int) string{
		"minified":  func(n int) string { return list(deployment, n) },
		"in lines":  func(n int) string { return list(pretty, n) },
		"documents": func(n int) string { return strings.Repeat(pod+"---\n", n) },
	} {
		t.Run(name, func(t *testing.T) {
			injected := func(n int) func() {
				src := source(n)
				return func() {
					if out, said := run(t, "in", src, settings); strings.Count(out, "--container=a") != n {
						t.Errorf("%d of %d are injected: %.100s", strings.Count(out, "--container=a"), n, said)
					}
				}
			}
			growthtest.Linear(t, injected(many), injected(growthtest.More*many))
		})
	}
}

// BenchmarkInject is the cost of a document that is changed.
func BenchmarkInject(b *testing.B) {
	src, err := os.ReadFile("testdata/deployment/in.yaml")
	if err != nil {
		b.Fatal(err)
	}
	file, problems := manifest.Parse("in.yaml", string(src))
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	for b.Loop() {
		if _, _, err := Inject([]*manifest.File{file}, Options{Settings: settings, Namespace: "default"}); err != nil {
			b.Fatal(err)
		}
	}
}
