// Package lameduck_test holds the tests of the repository's own structure.
package lameduck_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/lameduck-dev/lameduck/"

// house lists the packages from the top down: imports only go down this list. The first
// prefix that fits decides; packages below one prefix may import one another.
var house = []string{
	"test/e2e",
	"cmd/",
	"deploy",
	"test/app",
	"test/router",
	"test/registries",
	"controller",
	"agent",
	"check",
	"verify",
	"report",
	"inject",
	"barrier",
	"registry",
	"router",
	"workload",
	"graceful/termination",
}

type pkg struct {
	ImportPath string
	Imports    []string
}

// list asks the go command, so that build tags and generated files count as they do in a build.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func room(path string) int {
	rel, ours := strings.CutPrefix(path, module)
	if !ours {
		return -1
	}
	for i, prefix := range house {
		if strings.HasPrefix(rel, prefix) {
			return i
		}
	}
	return -1
}

func TestImportsGoDown(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := room(p.ImportPath)
		if from < 0 && p.ImportPath+"/" != module {
			t.Errorf("%s has no place in the house: give it one in this test and in the design", p.ImportPath)
		}
		for _, imported := range p.Imports {
			if to := room(imported); to >= 0 && to < from {
				t.Errorf("%s imports %s: imports only go down", p.ImportPath, imported)
			}
		}
	}
}

// TestRegistryClientsOpenNothing: what a pod's record names is opened by nobody but the program in
// the pod itself. So no client of a registry, nor who restores, can open a file, look into the
// environment or start a program.
func TestRegistryClientsOpenNothing(t *testing.T) {
	for _, p := range list(t, "./registry/...", "./controller/restore/...") {
		path := strings.TrimPrefix(p.ImportPath, module)
		switch path {
		case "registry/local", "registry/spring", "registry/command", "registry/contract": // in the pod, or in tests
			continue
		}
		for _, imported := range p.Imports {
			switch imported {
			case "os", "os/exec", "io/fs", "io/ioutil", "path/filepath", "syscall", module + "registry/local", module + "registry/spring":
				t.Errorf("%s imports %s: give it what it needs by registry.Secrets", path, imported)
			}
		}
	}
}
