package rules

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/lameduck-dev/lameduck/report/budget"
	"github.com/lameduck-dev/lameduck/workload"
)

// TestBudget draws the workloads of a few rules' bad and good manifests.
func TestBudget(t *testing.T) {
	for _, name := range []string{"shutdown-exceeds-grace/bad", "no-prestop/bad", "registry-not-withdrawn/bad", "prestop-exceeds-grace/bad", "sidecar-starved/bad", "local-traffic-wait/good", "prestop-wait-short/bad", "mesh-proxy-exits-first/bad"} {
		t.Run(name, func(t *testing.T) {
			in := parse(t, "in.yaml", read(t, filepath.Join("testdata", name+".yaml")))
			var b bytes.Buffer
			for _, w := range workload.Join(in.Files).Workloads {
				if err := budget.Write(&b, Budget(w)); err != nil {
					t.Fatal(err)
				}
				b.WriteByte('\n')
			}
			golden(t, filepath.Join("..", "..", "report", "budget", "testdata", filepath.Dir(name)+".text"), b.Bytes())
		})
	}
}
