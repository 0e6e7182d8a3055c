package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var pdbOverlap = &check.Rule{
	Name: "pdb-overlap", Family: "rollout",
	Severity: findings.Error, Confidence: findings.Certain,
	Title:  "Two PodDisruptionBudgets select the same pods",
	Why:    "The eviction API answers 500 for a pod that more than one budget selects: no drain can move it, and in the end it is deleted without any budget.",
	Remedy: "Leave one budget for these pods.",
	Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/#how-api-initiated-eviction-works",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, other := range w.PDBs[min(1, len(w.PDBs)):] {
			if first := w.PDBs[0]; other.Name != first.Name && workload.SameFolder(first.Object, other.Object) {
				p.Report(other.Object, other.Selector, "%s and %s both select the pods of %s", first, other, w).Of(w)
				return
			}
		}
	},
}
