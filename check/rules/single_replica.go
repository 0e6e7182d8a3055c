package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var singleReplica = &check.Rule{
	Name: "single-replica", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "One pod serves all requests",
	Why: "A drain or an eviction deletes the only pod before another runs: from its stop until the new one is ready, every request is refused. " +
		"A rolling update of a Deployment starts the new pod first, an update of a StatefulSet does not.",
	Remedy: "Run at least two replicas, with a PodDisruptionBudget that keeps one.",
	Source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !w.Scales() || !serves(w) || len(w.HPAs) > 0 {
			return
		}
		if n, at := w.Replicas(); n == 1 {
			said := ""
			if !at.Set() {
				said = " (the default)"
			}
			p.Report(w.Object, at, "%s serves %s with one replica%s", w, w.Serving[0], said)
		}
	},
}
