//go:build cluster

package e2e

import (
	"testing"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

// TestProperty: at the moment a pod is confirmed, no node's rules send to it, whatever happened to
// the kube-proxies meanwhile. `make prove` does the same with many more pods.
func TestProperty(t *testing.T) {
	e := up(t, cluster.NFTables)
	count, err := number("LAMEDUCK_PROPERTY", 20)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := number("LAMEDUCK_SEED", 1)
	if err != nil {
		t.Fatal(err)
	}
	found, err := e.Check(t.Context(), int(count), seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d, disturbances %v, unconfirmed %q", found.Seed, found.Havoc, found.Unconfirmed)
	apart, err := e.CheckApart(t.Context(), 2, seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(apart.line())
	for _, outcome := range append(apart.outcomes(t.Name()), found.outcome(t.Name())) {
		t.Log(outcome.Line())
		if !outcome.Pass() {
			t.Fail()
		}
	}
}
