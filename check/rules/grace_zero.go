package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var graceZero = &check.Rule{
	Name: "grace-zero", Family: "budget",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The grace period is zero",
	Why: "A pod with a grace period of zero is deleted by force: its object is gone at once, its containers are killed " +
		"about a second later, and no hook or handler has time to do anything. Routers learn of it after the fact.",
	Remedy: "Set terminationGracePeriodSeconds to what the stop needs, or remove the line for the default of 30 s.",
	Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-forced",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if grace, at := w.Grace(); grace == 0 {
			p.Report(w.Object, at, "terminationGracePeriodSeconds is 0: the pods are killed, not stopped").
				FixIfAllowed(manifest.Replace(at, "30"))
		}
	},
}
