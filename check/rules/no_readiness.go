package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var noReadiness = &check.Rule{
	Name: "no-readiness", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "Nothing tells when the pod can take requests",
	Why: "Without a readiness probe a pod counts as ready as soon as its process runs. A rolling update then stops an old pod for a " +
		"new one that does not listen yet, and routers send there.",
	Remedy: "Add a readiness probe that succeeds once the server answers.",
	Source: "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !serves(w) || !replaced(w) || switchedOff(w) || w.Pod.Get("readinessGates").Len() > 0 {
			return
		}
		for _, c := range w.ServingContainers() {
			if c.Readiness == nil && c.Startup == nil {
				p.Report(w.Object, c.Node.Get("name"), "container %s serves %s and has no readiness probe", c.Name, w.Serving[0])
			}
		}
	},
}
