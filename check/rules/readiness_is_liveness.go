package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var readinessIsLiveness = &check.Rule{
	Name: "readiness-is-liveness", Family: "probes",
	Severity: findings.Info, Confidence: findings.Likely,
	Title: "Liveness asks what readiness asks, and gives up as soon",
	Why: "A pod that is only busy should lose its traffic, not its process. With the same question and no more patience, liveness restarts it " +
		"at the very moment readiness takes it out: the requests in flight are lost, and the rest get its load.",
	Remedy: "Give liveness a question of its own that no load can fail, or a failureThreshold well above readiness's.",
	Source: "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !serves(w) {
			return
		}
		for _, c := range w.Containers {
			if c.Liveness == nil || !c.Liveness.Same(c.Readiness) {
				continue
			}
			live, ready := c.Liveness.Period()*c.Liveness.Failures(), c.Readiness.Period()*c.Readiness.Failures()
			if live <= ready {
				p.Report(w.Object, c.Liveness.Node, "container %s: liveness fails after %d s on the question that readiness gives %d s", c.Name, live, ready)
			}
		}
	},
}
