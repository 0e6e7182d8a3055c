package kinds

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/caches"
)

// TestEveryFolderIsListed: a client's package has a Kind, and this package lists it. That is all that
// it takes to have a registry everywhere: in specs, policies, the programs' help, and where traces are
// cleared.
func TestEveryFolderIsListed(t *testing.T) {
	folders, err := filepath.Glob("../*/kind.go")
	if err != nil || len(folders) == 0 {
		t.Fatalf("%d kinds, %v", len(folders), err)
	}
	for _, file := range folders {
		name := filepath.Base(filepath.Dir(file))
		kind, err := All.Lookup(name)
		if err != nil {
			t.Errorf("registry/%s: %v: list it in kinds.go", name, err)
			continue
		}
		spec, err := All.ParseSpec(name + " service=orders server=127.0.0.1:1")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if kind.Name == "etcd" {
			spec = spec.With("layout", "kratos")
		}
		if client, err := All.Open(spec, registry.Pod{}); err != nil || client == nil {
			t.Errorf("%s: %v, %v", name, client, err)
		}
		if kind.About == "" || kind.Caches.Most == 0 || kind.Caches.Seen == 0 {
			t.Errorf("%s does not say what it does, or for how long its consumers go on: %+v", name, kind)
		}
	}
	if len(folders) != len(All) {
		t.Errorf("%d folders for %d kinds", len(folders), len(All))
	}
}

// TestGuidesHaveEveryKind: who looks for a registry finds it.
func TestGuidesHaveEveryKind(t *testing.T) {
	for _, file := range []string{"../../docs/registries.md", "../../docs/zh/registries.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range All {
			if !strings.Contains(strings.ToLower(string(text)), kind.Name) {
				t.Errorf("%s does not name %s", file, kind.Name)
			}
		}
	}
}

// TestUnknownIsTheLongest: of a registry of which nothing is known, consumers are waited for as of
// the slowest.
func TestUnknownIsTheLongest(t *testing.T) {
	longest := time.Duration(0)
	for _, kind := range All {
		longest = max(longest, kind.Caches.Most)
	}
	if longest != caches.Unknown {
		t.Errorf("the longest is %v, caches.Unknown is %v", longest, caches.Unknown)
	}
}

// TestStaleOfBackend has a kind that passes on to another wait as for that one.
func TestStaleOfBackend(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"actuator":                        95 * time.Second,
		"actuator backend=eureka":         95 * time.Second,
		"actuator backend=nacos":          40 * time.Second,
		"actuator backend=nacos stale=9s": 9 * time.Second,
	} {
		spec, err := All.ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := spec.Stale(); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestEveryKeyHasAUse: a key that names a file or a variable is known by its name, so none slips
// through that a policy or a record could set.
func TestEveryKeyHasAUse(t *testing.T) {
	names := []string{"api", "backend", "by", "cluster", "group", "layout", "namespace", "port", "prefix", "root", "service"}
	for _, kind := range All {
		for _, key := range kind.Keys {
			if registry.UseOf(key.Name) == registry.Name && !slices.Contains(names, key.Name) {
				t.Errorf("%s: %s: may anyone say it? Then add it here, or else to UseOf", kind.Name, key.Name)
			}
		}
	}
}
