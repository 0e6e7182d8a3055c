package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// podNetwork are proxies through which everything in the pod reaches the
// network.
var podNetwork = []string{"istio/proxyv2", "linkerd/proxy"}

var sidecarOrder = &check.Rule{
	Name: "sidecar-order", Family: "sidecars",
	Severity: findings.Info, Confidence: findings.Likely,
	Title: "The mesh's proxy stops before a sidecar that sends through it",
	Why: "Native sidecars stop in the reverse of their order. One that is listed before the proxy outlives it, and what it still has to send, " +
		"logs, traces, a deregistration, finds no network.",
	Remedy: "List the proxy first among the sidecars.",
	Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#termination-with-sidecars",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for i, c := range w.Sidecars {
			for _, image := range podNetwork {
				if i > 0 && strings.HasSuffix(c.ImageRepo(), image) {
					p.Report(w.Object, c.Node.Get("name"), "sidecar %s stops before sidecar %s, which is listed first", c.Name, w.Sidecars[0].Name)
				}
			}
		}
	},
}
