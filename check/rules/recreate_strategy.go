package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var recreateStrategy = &check.Rule{
	Name: "recreate-strategy", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title:  "Every update stops all pods before it starts new ones",
	Why:    "Recreate waits until the old pods are gone, then starts the new: from the first stop until the first new pod is ready, every request is refused.",
	Remedy: "Use RollingUpdate, if two versions may run side by side. A pod with a volume of its own is not reported: it may have no choice.",
	Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#recreate-deployment",
	Workload: func(p *check.Pass, w *workload.Workload) {
		at := w.Spec("strategy", "type")
		if at.Str() != "Recreate" || w.Kind != "Deployment" || !serves(w) || switchedOff(w) {
			return
		}
		if ownVolume(w) {
			return
		}
		p.Report(w.Object, at, "%s serves %s and is updated with Recreate", w, w.Serving[0])
	},
}
