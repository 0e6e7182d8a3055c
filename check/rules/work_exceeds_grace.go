package rules

import (
	"strconv"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// workAnnotation says how many seconds one piece of work may take that must not be cut: a message
// of a queue, a step of a job.
const workAnnotation = "lameduck.dev/work-seconds"

var workExceedsGrace = &check.Rule{
	Name: "work-exceeds-grace", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "A piece of work takes longer than the grace period",
	Why: "A consumer that stops taking new work at SIGTERM still has to finish the piece in hand. SIGKILL comes at the end of the grace period: " +
		"the work is lost, or done twice.",
	Remedy: "Raise terminationGracePeriodSeconds above the time of one piece of work.",
	Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
	Workload: func(p *check.Pass, w *workload.Workload) {
		n := w.PodAnnotation(workAnnotation)
		if n == nil {
			return
		}
		work, err := strconv.ParseInt(n.Str(), 10, 64)
		grace, at := w.Grace()
		wait, _ := w.LongestWait()
		if err != nil || wait+work <= grace {
			return
		}
		place := at
		if !at.Set() {
			place = n
		}
		p.Report(w.Object, place, "%s: a piece of work takes up to %d s, the grace period leaves %d s%s", w, work, max(0, grace-wait), byDefault(at)).
			Fix(setGrace(w, wait+work+stopMargin))
	},
}
