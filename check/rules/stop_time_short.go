package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var stopTimeShort = &check.Rule{
	Name: "stop-time-short", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Possible,
	Title: "The hook leaves the application little of the grace period",
	Why: "SIGTERM comes after the hook, and SIGKILL when the grace period is over. Where nothing says how long the application takes to finish its requests, " +
		"a few seconds are a gamble: connection pools, streams and a slow database take longer, and what is not finished is killed.",
	Remedy: "Raise terminationGracePeriodSeconds so that 30 s are left after the hook, or say what the application needs by the annotation lameduck.dev/shutdown-seconds.",
	Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
	Workload: func(p *check.Pass, w *workload.Workload) {
		grace, at := w.Grace()
		for _, c := range w.Containers {
			most := c.PreStop.Most()
			left := grace - most
			if _, known := shutdownTime(c); known || most == 0 || left <= 0 || left >= leastStop || injected(w) || !answers(c) {
				continue
			}
			wait, place := c.PreStop.Wait()
			need := most + workload.DefaultGrace
			takes := "takes"
			if wait != most {
				takes = "may take"
			}
			d := p.Report(w.Object, place, "preStop of container %s %s %d s of %d s%s: %d s are left to stop in", c.Name, takes, most, grace, byDefault(at), left).
				Do("Raise terminationGracePeriodSeconds to %d, or say what the application needs: lameduck.dev/shutdown-seconds.", need).
				Fix(setGrace(w, need))
			inScript(d, c.PreStop, longest(c.PreStop))
		}
	},
}

// leastStop is the time to stop, in seconds, for an application about which nothing is known.
const leastStop = 10
