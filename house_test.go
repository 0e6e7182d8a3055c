package lameduck_test

import (
	"flag"
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lameduck-dev/lameduck/"

// house lists every package from the top down: imports only go down this list, inside one module
// and between modules. A path that ends in /... is one room with all below it.
var house = []string{
	"test/e2e/...",
	"test/app",
	"test/router",
	"test/registries/...",
	"test/routers/...",
	"test/build",
	"test/cluster/...",
	"test/release",

	"cmd/lameduck",
	"cmd/lameduck/command",
	"cmd/lameduck/command/status",
	"cmd/lameduck-agent",
	"cmd/lameduck-registry",
	"deploy",

	"controller",
	"controller/webhook",
	"controller/hub",
	"controller/routers",
	"controller/peers",
	"controller/dns",
	"controller/view",
	"controller/restore",
	"controller/census",
	"controller/certs",
	"controller/pace",

	"agent/command",
	"agent",
	"agent/hubclient",
	"agent/registries",
	"agent/sockets",
	"agent/sockets/seccomptest",
	"agent/hook",
	"agent/guard",

	"check/rules",
	"check/image",
	"check",
	"check/render",
	"check/render/rendertest",
	"check/corpus",

	"verify/job",
	"verify",
	"verify/action",
	"verify/podlog",
	"verify/ledger",

	"report",
	"report/budget",
	"report/findings",
	"report/findings/sariftest",

	"inject/files",
	"inject",
	"barrier",
	"agent/hubapi",
	"agent/seal",
	"agent/settings",

	"registry/command",
	"registry/contract",
	"registry/kinds",
	"registry/actuator",
	"registry/consul",
	"registry/dubbo",
	"registry/etcd",
	"registry/eureka",
	"registry/nacos",
	"registry/polaris",
	"registry/zookeeper",
	"registry/web",
	"registry/local",
	"registry/spring",
	"registry",
	"registry/caches",
	"registry/wire",

	"router/traefik",
	"router/envoy",
	"router/haproxy",
	"router",

	"workload",
	"workload/shell",
	"workload/balancer",
	"workload/fields",
	"workload/v1alpha1",
	"workload/printable",
	"manifest",
	"manifest/growthtest",
	"buildinfo",

	"graceful/examples/...",
	"graceful/contrib/grpc",
	"graceful",
	"graceful/backlog",
	"graceful/termination",
}

// pkg is a package as its sources show it, whatever their build tags; tests are left out.
type pkg struct {
	path     string // below the repository
	imports  []string
	synopsis string // first sentence of its comment
}

// packages reads every package of the repository, of all its modules.
func packages(t *testing.T) map[string]*pkg {
	t.Helper()
	found := map[string]*pkg{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if path != "." && (name[0] == '.' || name[0] == '_' || name == "testdata") {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go"), strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		p := found[dir]
		if p == nil {
			p = &pkg{path: dir}
			found[dir] = p
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			p.imports = append(p.imports, imported)
		}
		if file.Doc != nil {
			p.synopsis = new(doc.Package).Synopsis(file.Doc.Text())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < len(house) {
		t.Fatalf("only %d packages were found", len(found))
	}
	return found
}

// room is a package's place in the house, or -1.
func room(path string) int {
	return slices.IndexFunc(house, func(room string) bool {
		folder, all := strings.CutSuffix(room, "/...")
		return path == folder || all && strings.HasPrefix(path, folder+"/")
	})
}

func TestImportsGoDown(t *testing.T) {
	lived := map[int]bool{}
	for _, p := range packages(t) {
		from := room(p.path)
		if from < 0 {
			t.Errorf("%s has no place in the house: give it one in house_test.go and docs/zh/design.md", p.path)
			continue
		}
		lived[from] = true
		for _, imported := range p.imports {
			path, ours := strings.CutPrefix(imported, module)
			if to := room(path); ours && to < from {
				t.Errorf("%s imports %s: imports only go down", p.path, path)
			}
		}
	}
	for i, path := range house {
		if !lived[i] {
			t.Errorf("nothing lives in %s: take it out of the house", path)
		}
	}
}

var update = flag.Bool("update", false, "write the generated part of docs/design.md anew")

// TestHouseDocs holds the house in the design to the one above; each room says what it is for by its
// package's comment. The Chinese page lists the same rooms in its own words.
func TestHouseDocs(t *testing.T) {
	all := packages(t)
	var table strings.Builder
	table.WriteString("| package | what it is for |\n|---|---|\n")
	for _, path := range house {
		p := all[strings.TrimSuffix(path, "/...")]
		if p == nil || p.synopsis == "" {
			t.Fatalf("%s says nowhere what it is for: give it a package comment", path)
		}
		words := strings.Fields(strings.TrimSuffix(p.synopsis, "."))
		what := strings.TrimPrefix(strings.Join(words[2:], " "), "is ") // without "Package name"
		fmt.Fprintf(&table, "| `%s` | %s |\n", path, what)
	}
	const page, begin, end = "docs/design.md", "<!-- The house: go test . -run House -update -->\n", "<!-- end of the house -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the house", page)
	}
	want := before + begin + table.String() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("the house in %s is stale: go test . -run House -update", page)
	}

	mirror, err := os.ReadFile("docs/zh/design.md")
	if err != nil {
		t.Fatal(err)
	}
	var rooms []string
	for line := range strings.Lines(string(mirror)) {
		if path, ok := strings.CutPrefix(line, "| `"); ok {
			path, _, _ = strings.Cut(path, "`")
			rooms = append(rooms, path)
		}
	}
	if !slices.Equal(rooms, house) {
		t.Errorf("docs/zh/design.md lists other rooms, or in another order:\n%q\nwant\n%q", rooms, house)
	}
}
