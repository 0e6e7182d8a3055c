package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var pdbBlocking = &check.Rule{
	Name: "pdb-blocking", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The PodDisruptionBudget never allows an eviction",
	Why: "A drain waits for ever, until someone deletes the pods or forces the node: then they stop without budget, hook or order. A budget " +
		"that can never be met protects nothing when it counts.",
	Remedy: "Use maxUnavailable: 1, with at least two replicas.",
	Source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/#think-about-how-your-application-reacts-to-disruptions",
	PDB: func(p *check.Pass, b *workload.PDB) {
		max, min := b.Spec("maxUnavailable"), b.Spec("minAvailable")
		if max.Set() {
			if max.Str() == "0" || max.Str() == "0%" {
				p.Report(b.Object, max, "maxUnavailable is %s: no pod may ever be evicted", max.Str()).FixIfAllowed(workload.Replace(max, "1"))
			}
			return
		}
		if !min.Set() {
			return
		}
		for _, w := range b.Workloads {
			n, _ := w.Replicas()
			if !w.Scales() || n == 0 || len(b.Workloads) > 1 {
				continue
			}
			// The eviction API rounds a percentage up.
			if keep, ok := workload.Amount(min, n, true); ok && keep >= n {
				p.Report(b.Object, min, "minAvailable is %s and %s has %d: no pod may ever be evicted", min.Str(), w, n).Of(w).
					FixIfAllowed(workload.Rewrite(min, "maxUnavailable", "1"))
				return
			}
		}
		if min.Str() == "100%" && len(b.Workloads) == 0 {
			p.Report(b.Object, min, "minAvailable is 100%%: no pod may ever be evicted").FixIfAllowed(workload.Rewrite(min, "maxUnavailable", "1"))
		}
	},
}
