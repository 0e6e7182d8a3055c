package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var workerDefaultGrace = &check.Rule{
	Name: "worker-default-grace", Family: "rollout",
	Severity: findings.Info, Confidence: findings.Possible,
	Title: "A queue's worker has the default grace period for a task of any length",
	Why: "A worker finishes the task in hand after SIGTERM, and takes no other. SIGKILL comes after 30 s unless the pod says otherwise: a task that takes longer " +
		"is lost, or done twice when the queue hands it out again. No Service leads to such a pod, so no other rule asks.",
	Remedy: "Set terminationGracePeriodSeconds above the longest task, and say how long that is by the annotation lameduck.dev/work-seconds.",
	Source: "https://docs.celeryq.dev/en/stable/userguide/workers.html#stopping-the-worker",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if _, at := w.Grace(); at.Set() || w.Finite() || w.PodAnnotation(workAnnotation) != nil {
			return
		}
		for _, c := range w.Containers {
			if worker, works := workerOf(c); works {
				p.Report(w.Object, c.Node.Get("name"), "container %s runs %s with the default grace period of %d s", c.Name, worker.Name, workload.DefaultGrace)
			}
		}
	},
}
