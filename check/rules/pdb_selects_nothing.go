package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var pdbSelectsNothing = &check.Rule{
	Name: "pdb-selects-nothing", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The PodDisruptionBudget misses the pods that it seems meant for",
	Why: "The pods are without a budget while everyone believes that they have one: a drain evicts all of them at once. It is reported only " +
		"where a workload of the same input agrees with a part of the selector, or has the budget's name.",
	Remedy: "Bring the selector and the pod template's labels together.",
	Source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
	PDB: func(p *check.Pass, b *workload.PDB) {
		labels := b.Selector.Get("matchLabels")
		if len(b.Workloads) > 0 || labels.Len() == 0 {
			return
		}
		if w, missed := nearMiss(p.Input, b.Object, labels); w != nil {
			p.Report(b.Object, missed, "the selector wants %s: %s, which %s", missed.Key, short(missed.Str()), labelOf(w, missed.Key)).Of(w)
		}
	},
}
