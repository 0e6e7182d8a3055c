package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var noReadiness = &check.Rule{
	Name: "no-readiness", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "Nothing says when the pod can take requests",
	Why: "Without a readiness probe a pod counts as ready as soon as its process runs. A rolling update then stops an old pod for a " +
		"new one that does not listen yet, and routers send there.",
	Remedy: "Add a readiness probe that succeeds once the server answers.",
	Source: "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !serves(w) && !presumed(w) || !replaced(w) || switchedOff(w) || w.Pod.Get("readinessGates").Len() > 0 {
			return
		}
		for _, c := range servingContainers(w) {
			if c.Readiness != nil || c.Startup != nil || scrapedOnly(c) {
				continue
			}
			d := p.Report(w.Object, c.Node.Get("name"), "container %s %s and has no readiness probe", c.Name, whom(w))
			switch n, _ := w.Replicas(); {
			case presumed(w), roleOf(c) == store && n < 2, outageOnUpdate(w):
				d.As(findings.Info, findings.Possible) // no other pod takes its place too early
			}
		}
	},
}
