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

// TestMeshProxyOfTheManifest draws a proxy once that the manifest holds itself.
func TestMeshProxyOfTheManifest(t *testing.T) {
	for name, manifest := range map[string]string{
		"native sidecar": `{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {sidecar.istio.io/inject: "true"}}, spec: {
  initContainers: [{name: istio-proxy, image: proxyv2, restartPolicy: Always}],
  containers: [{name: web, image: web, ports: [{containerPort: 80}], lifecycle: {preStop: {sleep: {seconds: 20}}}}]}}`,
		"with a hook": `{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {sidecar.istio.io/inject: "true"}}, spec: {
  containers: [{name: istio-proxy, image: proxyv2, lifecycle: {preStop: {sleep: {seconds: 20}}}},
    {name: web, image: web, ports: [{containerPort: 80}], lifecycle: {preStop: {sleep: {seconds: 20}}}}]}}`,
	} {
		in := parse(t, "in.yaml", manifest)
		b := Budget(workload.Join(in.Files).Workloads[0])
		if len(b.Pods) != 2 || len(b.Losses) != 0 {
			t.Errorf("%s: containers %v, losses %q", name, b.Pods, b.Losses)
		}
	}
}
