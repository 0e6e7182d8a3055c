package rules

import (
	"strconv"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var prestopExceedsGrace = &check.Rule{
	Name: "prestop-exceeds-grace", Family: "budget",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The preStop hook waits as long as the whole grace period",
	Why: "The hook's seconds are taken off the grace period. When nothing is left, the kubelet cuts the hook off, " +
		"sends SIGTERM and, 2 s later, SIGKILL: the requests in flight die with the process. A hook that has no end of its own, or whose bounded " +
		"parts add up to more on a bad day (curl --max-time 20, then sleep 35), has the same effect.",
	Remedy: "Raise terminationGracePeriodSeconds to the hook's wait plus the time that the application needs to stop.",
	Source: "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/#hook-handler-execution",
	Workload: func(p *check.Pass, w *workload.Workload) {
		grace, at := w.Grace()
		if grace == 0 {
			return // grace-zero reports it
		}
		for _, c := range w.Running() {
			wait, node := c.PreStop.Wait()
			most := c.PreStop.Most()
			if wait < grace && most < grace {
				continue
			}
			var d *check.Draft
			need := most + workload.DefaultGrace
			switch {
			case c.PreStop.Time().Endless():
				d = p.Report(w.Object, node, "preStop of container %s never ends by itself, the grace period is %d s%s", c.Name, grace, byDefault(at)).
					Do("Give the hook an end: a sleep, or a loop that counts, %d s before the grace period is over.", workload.DefaultGrace)
			case most == workload.Endless:
				d = p.Report(w.Object, node, "preStop of container %s may never end by itself, the grace period is %d s%s", c.Name, grace, byDefault(at)).
					As(findings.Warning, findings.Likely).
					Do("Give the hook an end: a sleep, or a loop that counts, %d s before the grace period is over.", workload.DefaultGrace)
			case wait < grace:
				more := ""
				if c.PreStop.Time().Open {
					more = " or more"
				}
				d = p.Report(w.Object, node, "preStop of container %s waits %d s for certain and up to %d s%s, the grace period is %d s%s", c.Name, wait, most, more, grace, byDefault(at)).
					As(findings.Warning, findings.Likely).
					Do("Raise terminationGracePeriodSeconds to %d: the hook's %d s at most and %d s to stop in; or shorten what bounds the hook.", need, most, workload.DefaultGrace).
					Fix(setGrace(w, need))
			default:
				need = wait + workload.DefaultGrace
				d = p.Report(w.Object, node, "preStop of container %s waits %d s, the grace period is %d s%s", c.Name, wait, grace, byDefault(at)).
					Do("Raise terminationGracePeriodSeconds to %d: the hook's %d s and %d s to stop in.", need, wait, workload.DefaultGrace).
					Fix(setGrace(w, need))
			}
			inScript(d, c.PreStop, longest(c.PreStop))
		}
	},
}

// byDefault marks a value that nobody wrote.
func byDefault(at *manifest.Node) string {
	if at.Set() {
		return ""
	}
	return " (the default)"
}

func setGrace(w *workload.Workload, seconds int64) manifest.Edit {
	value := strconv.FormatInt(seconds, 10)
	if _, at := w.Grace(); at != nil {
		return manifest.Replace(at, value)
	}
	return manifest.InsertBefore(w.Pod.Get("containers"), graceField, value)
}
