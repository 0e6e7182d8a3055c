package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var pdbBlocking = &check.Rule{
	Name: "pdb-blocking", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The PodDisruptionBudget allows no eviction",
	Why: "A drain waits until someone deletes the pods or forces the node: then they stop without budget, hook or order. A budget " +
		"that can never be met protects nothing when it counts.",
	Remedy: "Use maxUnavailable: 1, with at least two replicas.",
	Source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/#think-about-how-your-application-reacts-to-disruptions",
	PDB: func(p *check.Pass, b *workload.PDB) {
		max, min := b.Spec("maxUnavailable"), b.Spec("minAvailable")
		if max.Set() {
			if max.Str() == "0" || max.Str() == "0%" {
				p.Report(b.Object, max, "maxUnavailable is %s: no pod may ever be evicted", max.Str()).FixIfAllowed(manifest.Replace(max, "1"))
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
				what, confidence := "no pod may ever be evicted", findings.Certain
				if grows(w, min) {
					what, confidence = "none may be evicted until the autoscaler adds some", findings.Likely
				}
				p.Report(b.Object, min, "minAvailable is %s and %s has %d: %s", min.Str(), w, n, what).
					As(findings.Warning, confidence).Of(w).FixIfAllowed(manifest.Rewrite(min, "maxUnavailable", "1"))
				return
			}
		}
		if min.Str() == "100%" && len(b.Workloads) == 0 {
			p.Report(b.Object, min, "minAvailable is 100%%: no pod may ever be evicted").FixIfAllowed(manifest.Rewrite(min, "maxUnavailable", "1"))
		}
	},
}

// grows reports whether an autoscaler may add enough pods for minAvailable to let one go.
func grows(w *workload.Workload, min *manifest.Node) bool {
	for _, h := range w.HPAs {
		most := h.Max()
		keep, ok := workload.Amount(min, most, true)
		return ok && keep < most
	}
	return false
}
