package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var hpaMinOne = &check.Rule{
	Name: "hpa-min-one", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The autoscaler may leave one pod to serve all requests",
	Why: "At night the autoscaler goes down to its minimum. With one pod left, a drain or an eviction refuses every request until " +
		"another is ready.",
	Remedy: "Set the minimum to 2, and keep one by a PodDisruptionBudget.",
	Source: "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
	HPA: func(p *check.Pass, h *workload.HPA) {
		if h.Workload == nil || !serves(h.Workload) || h.Kind == "ScaledObject" && !h.Spec("minReplicaCount").Set() {
			return
		}
		if n, at := h.Min(); n == 1 {
			said := ""
			if !at.Set() {
				said = " (the default)"
			}
			p.Report(h.Object, at, "the autoscaler of %s goes down to one replica%s", h.Workload, said).Of(h.Workload)
		}
	},
}
