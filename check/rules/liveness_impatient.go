package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var livenessImpatient = &check.Rule{
	Name: "liveness-impatient", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Liveness gives up before a JVM has started",
	Why: "A Java application takes 20 to 60 s to start, and longer while other pods start beside it, in a rollout or after a node's loss. A liveness probe " +
		"without a startup probe counts from the beginning: it kills the start, and the next one, while a rolling update waits with less capacity.",
	Remedy: "Add a startup probe that allows for a slow start (failureThreshold: 30, periodSeconds: 5), or raise initialDelaySeconds.",
	Source: "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/#startup-probe",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			if c.Liveness == nil || c.Startup != nil || !runsJava(c) {
				continue
			}
			if patience := c.Liveness.Patience(); patience < jvmStart {
				p.Report(w.Object, c.Liveness.Node, "container %s runs a JVM: liveness gives up %d s after its start, and there is no startup probe", c.Name, patience)
			}
		}
	},
}

// jvmStart is what a JVM application should have to start in, in seconds.
const jvmStart = 30
