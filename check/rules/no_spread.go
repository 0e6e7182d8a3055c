package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var noSpread = &check.Rule{
	Name: "no-spread", Family: "rollout",
	Severity: findings.Info, Confidence: findings.Likely,
	Title:  "Nothing asks that the pods run on different nodes",
	Why:    "The scheduler's own spreading is a weak preference. If the pods end up on one node, its drain or loss stops all of them together.",
	Remedy: "Add a topologySpreadConstraint over kubernetes.io/hostname with whenUnsatisfiable: ScheduleAnyway.",
	Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !w.Scales() || !serves(w) && !presumed(w) || w.Pod.Get("topologySpreadConstraints").Len() > 0 || w.Pod.Get("affinity", "podAntiAffinity").Len() > 0 {
			return
		}
		if n, _ := w.Replicas(); n >= 2 {
			d := p.Report(w.Object, nil, "%s has %d replicas and neither topologySpreadConstraints nor podAntiAffinity", w, n)
			if presumed(w) {
				d.As(findings.Info, findings.Possible)
			}
		}
	},
}
