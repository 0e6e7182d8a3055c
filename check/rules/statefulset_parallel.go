package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var statefulsetParallel = &check.Rule{
	Name: "statefulset-parallel", Family: "rollout",
	Severity: findings.Info, Confidence: findings.Certain,
	Title: "Scaling down stops all surplus pods at once",
	Why: "With podManagementPolicy Parallel the controller does not wait for one pod to be gone before it deletes the next. Scaling from five " +
		"to two stops three pods at once: the rest have to take their load, and their members leave together.",
	Remedy: "Use OrderedReady if the application can wait, or scale down one by one.",
	Source: "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#parallel-pod-management",
	Workload: func(p *check.Pass, w *workload.Workload) {
		at := w.Spec("podManagementPolicy")
		if n, _ := w.Replicas(); w.Kind == "StatefulSet" && at.Str() == "Parallel" && n > 2 && serves(w) {
			p.Report(w.Object, at, "scaling %s down stops all surplus pods at once", w)
		}
	},
}
