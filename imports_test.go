// Package lameduck_test holds the tests of the repository's own structure.
package lameduck_test

import (
	"slices"
	"strings"
	"testing"
)

// inThePod are the registry packages that run in the pod itself, or in tests alone.
var inThePod = []string{"registry/local", "registry/spring", "registry/command", "registry/contract"}

// TestRegistryClientsOpenNothing: what a pod's record names is opened by the program in the pod
// alone. So no client of a registry, and not the controller that restores, can open a file, look
// into the environment or start a program.
func TestRegistryClientsOpenNothing(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.path, "registry/") && p.path != "registry" && p.path != "controller/restore" || slices.Contains(inThePod, p.path) {
			continue
		}
		for _, imported := range p.imports {
			switch imported {
			case "os", "os/exec", "io/fs", "io/ioutil", "path/filepath", "syscall", module + "registry/local", module + "registry/spring":
				t.Errorf("%s imports %s: give it what it needs by registry.Secrets", p.path, imported)
			}
		}
	}
}
