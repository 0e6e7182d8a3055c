package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var livenessBeforeStart = &check.Rule{
	Name: "liveness-before-start", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "Liveness may kill the container before it is expected to be ready",
	Why: "The readiness probe's first look says when the application is expected to be up. Liveness has given up by then: a start " +
		"that takes as long as expected is killed, again and again, while a rolling update waits with less capacity.",
	Remedy: "Add a startup probe that covers the start; liveness and readiness begin after it.",
	Source: "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/#startup-probe",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			if c.Liveness == nil || c.Startup != nil || c.Readiness == nil {
				continue
			}
			if patience := c.Liveness.Patience(); patience < c.Readiness.Delay() {
				p.Report(w.Object, c.Liveness.Node, "container %s: liveness gives up %d s after the start, readiness first asks after %d s", c.Name, patience, c.Readiness.Delay())
			}
		}
	},
}
