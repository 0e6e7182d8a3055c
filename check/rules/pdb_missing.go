package rules

import (
	"fmt"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var pdbMissing = &check.Rule{
	Name: "pdb-missing", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "No PodDisruptionBudget keeps a drain from evicting all pods",
	Why: "kubectl drain, the cluster autoscaler and node upgrades evict as many pods at once as they find. Without a budget that " +
		"covers them, all replicas can be stopping before the first replacement is ready.",
	Remedy: "Add a PodDisruptionBudget with maxUnavailable: 1.",
	Source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !w.Scales() || !serves(w) && !presumed(w) || len(w.PDBs) > 0 {
			return
		}
		if n, _ := w.Replicas(); n < 2 {
			return // single-replica reports what matters there
		}
		d := p.Report(w.Object, nil, "no PodDisruptionBudget selects the pods of %s", w)
		if document, ok := budgetFor(w); ok {
			d.FixIfAllowed(manifest.AppendDocument(document))
		}
		if presumed(w) {
			d.As(findings.Info, findings.Possible)
		}
	},
}

// budgetFor writes a PodDisruptionBudget for a workload that says how its
// pods are selected.
func budgetFor(w *workload.Workload) (string, bool) {
	labels := w.Spec("selector", "matchLabels")
	if labels.Len() == 0 || w.Spec("selector", "matchExpressions").Len() > 0 || w.Name == "" ||
		!workload.MatchSelector(w.Spec("selector"), w.Meta.Get("labels")) ||
		w.Input.Find(w.Object, "PodDisruptionBudget", w.Namespace, w.Name) != nil { // which it would replace
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: %s\n", w.Name)
	if w.Namespace != "" {
		fmt.Fprintf(&b, "  namespace: %s\n", w.Namespace)
	}
	b.WriteString("spec:\n  maxUnavailable: 1\n  unhealthyPodEvictionPolicy: AlwaysAllow\n  selector:\n    matchLabels:\n")
	for l := range labels.All() {
		fmt.Fprintf(&b, "      %s: %s\n", l.Key, l)
	}
	return b.String(), true
}
