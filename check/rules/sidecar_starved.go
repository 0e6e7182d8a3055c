package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var sidecarStarved = &check.Rule{
	Name: "sidecar-starved", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The main containers may use the whole grace period, and leave the sidecars 2 s",
	Why: "Native sidecars get SIGTERM after the main containers have ended, in reverse order. If these used all of the grace period, " +
		"each sidecar gets 2 s before SIGKILL: a proxy drops its connections, a log shipper its last lines.",
	Remedy: "Raise terminationGracePeriodSeconds by the time that the sidecars need to stop.",
	Source: "https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ (kubelet, pkg/kubelet/kuberuntime)",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if len(w.Sidecars) == 0 {
			return
		}
		grace, at := w.Grace()
		for _, c := range w.Containers {
			wait, _ := c.PreStop.Wait()
			s, known := shutdownTime(c)
			if !known || wait >= grace || wait+s.seconds != grace {
				continue // shutdown-exceeds-grace reports more than the grace period
			}
			need := grace + 2*stopMargin
			place := at
			if !at.Set() {
				place = w.Sidecars[0].Node.Get("name")
			}
			p.Report(w.Object, place, "container %s may use all of the %d s (preStop %d s, %s %d s); sidecar %s then gets 2 s",
				c.Name, grace, wait, s.name, s.seconds, w.Sidecars[len(w.Sidecars)-1].Name).
				Do("Raise terminationGracePeriodSeconds to %d.", need).
				Fix(setGrace(w, need))
			return
		}
	},
}
