package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// unhealthyPolicy is the version in which unhealthyPodEvictionPolicy is on by
// default.
const unhealthyPolicy check.Version = 27

var pdbUnhealthyPolicy = &check.Rule{
	Name: "pdb-unhealthy-policy", Family: "rollout",
	Severity: findings.Info, Confidence: findings.Certain,
	Title: "Pods that never become ready can block a drain",
	Why: "By default a running pod that is not ready may be evicted only while the budget is otherwise met. One crash-looping pod can hold " +
		"a drain up until someone forces it, and then the node's healthy pods go without order, too.",
	Remedy: "Set unhealthyPodEvictionPolicy: AlwaysAllow.",
	Source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy",
	PDB: func(p *check.Pass, b *workload.PDB) {
		if p.Target < unhealthyPolicy || b.Spec("unhealthyPodEvictionPolicy").Set() || b.APIVersion != "policy/v1" {
			return
		}
		p.Report(b.Object, nil, "%s does not say what applies to pods that are not ready", b).
			FixIfAllowed(manifest.Insert(b.Root.Get("spec"), "unhealthyPodEvictionPolicy", "AlwaysAllow"))
	},
}
