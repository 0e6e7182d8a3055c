package rules

import (
	"slices"

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
		if sharesServices(w) {
			return // a canary, or several versions: others answer meanwhile
		}
		if n, at := w.Replicas(); n == 1 {
			said := ""
			if !at.Set() {
				said = " (the default)"
			}
			if !slices.ContainsFunc(servingContainers(w), answers) {
				return // a second store is not a copy of the first; what is only scraped is scraped again
			}
			o := w.Object
			if w.Rollout != nil {
				o = w.Rollout
			}
			d := p.Report(o, at, "%s serves %s with one replica%s", w, w.Serving[0], said)
			if ownVolume(w) {
				d.Do("Its volume may belong to one pod alone: make sure that two can share it or keep their own, before you run two replicas; else plan for the outage.")
			}
		}
	},
}

// sharesServices reports whether pods of other workloads answer for each Service
// of w's.
func sharesServices(w *workload.Workload) bool {
	return !slices.ContainsFunc(w.Serving, func(s *workload.Service) bool {
		return !slices.ContainsFunc(s.Workloads, func(other *workload.Workload) bool { return other != w && other.Scales() && !switchedOff(other) })
	})
}
