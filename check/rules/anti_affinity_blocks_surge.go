package rules

import (
	"slices"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var antiAffinityBlocksSurge = &check.Rule{
	Name: "anti-affinity-blocks-surge", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Possible,
	Title: "A hard anti-affinity leaves a rolling update no node for the new pod",
	Why: "No two pods may share a node, old ones included, and none may be missing: with as many nodes as replicas the new pod stays pending, and the " +
		"update stalls until someone deletes an old pod by hand.",
	Remedy: "Allow maxUnavailable: 1, make the anti-affinity preferred, or add matchLabelKeys: [pod-template-hash] to its term.",
	Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Kind != "Deployment" || w.Spec("strategy", "type").Str() == "Recreate" {
			return
		}
		n, _ := w.Replicas()
		if n < 2 || maxUnavailable(w.Spec("strategy", "rollingUpdate", "maxUnavailable"), n) > 0 {
			return
		}
		for term := range w.Pod.Get("affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution").All() {
			if term.Get("topologyKey").Str() != hostname || !workload.MatchSelector(term.Get("labelSelector"), w.Meta.Get("labels")) ||
				slices.Contains(term.Get("matchLabelKeys").Strings(), "pod-template-hash") {
				continue
			}
			p.Report(w.Object, term.Get("topologyKey"), "a rolling update of %s needs %d nodes: none of its %d pods may be missing or share a node", w, n+1, n)
		}
	},
}
