package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// defaultProgressDeadline is progressDeadlineSeconds where none is set, in
// seconds (k8s.io/api/apps/v1, DeploymentSpec).
const defaultProgressDeadline = 600

var progressDeadlineShort = &check.Rule{
	Name: "progress-deadline-short", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The rollout counts as failed while it does what the manifest allows",
	Why: "A stop may take the whole grace period and a start all that its probes allow. If no pod makes progress within progressDeadlineSeconds, the " +
		"Deployment is reported as failed; pipelines then roll back in the middle, and stop pods a second time.",
	Remedy: "Raise progressDeadlineSeconds above the grace period and the start's time.",
	Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Kind != "Deployment" {
			return
		}
		at := w.Spec("progressDeadlineSeconds")
		deadline := at.IntOr(defaultProgressDeadline)
		grace, graceAt := w.Grace()
		// Only Recreate waits for the old pods to be gone.
		if w.Spec("strategy", "type").Str() == "Recreate" && grace >= deadline {
			place := at
			if !at.Set() {
				place = graceAt
			}
			p.Report(w.Object, place, "%s: the old pods may take %d s to stop, the rollout fails after %d s", w, grace, deadline)
			return
		}
		for _, c := range w.Containers {
			if c.Startup == nil {
				continue
			}
			start := c.Startup.Patience() + w.Spec("minReadySeconds").IntOr(0)
			if start > deadline {
				place := at
				if !at.Set() {
					place = c.Startup.Node
				}
				p.Report(w.Object, place, "%s: container %s may take %d s to start, the rollout fails after %d s", w, c.Name, start, deadline)
			}
		}
	},
}
