package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var meshProxyExitsFirst = &check.Rule{
	Name: "mesh-proxy-exits-first", Family: "sidecars",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The mesh's proxy stops before the application's wait is over",
	Why: "An injected proxy that is not a native sidecar gets SIGTERM when the pod is deleted, and has no hook at its defaults: Linkerd's refuses new " +
		"requests from that moment on, Dapr's ends its subscriptions and its API. Every request that the application's preStop wait is for goes through it.",
	Remedy: "Inject the proxy as a native sidecar, or have it wait as long as the application.",
	Source: "https://linkerd.io/2/tasks/graceful-shutdown/, https://docs.dapr.io/reference/arguments-annotations-overview/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		m, ok := meshOf(w)
		wait, c := longestHold(w)
		if !ok || m.name == "istio-proxy" || c == nil || wait <= m.gone {
			return // istio-drain reports Istio's
		}
		grace, _ := w.Grace()
		p.Report(w.Object, m.at, "%s stops after %d s, container %s %s", m.name, m.gone, c.Name, waitsFor(c, min(wait, grace))).
			Do("Inject the proxy as a native sidecar, or set the annotation %s to at least %d seconds.", m.raise, min(wait, grace))
	},
}
