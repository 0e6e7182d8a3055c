package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var scaleDownDelayZero = &check.Rule{
	Name: "scale-down-delay-zero", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The Rollout stops the old pods at the very moment of the switch",
	Why: "A blue-green switch changes a Service's selector, a canary's end a router's weights. Routers learn of it over the next seconds, and go on sending to the " +
		"old pods; scaleDownDelaySeconds (30 by default) is what keeps these up until then.",
	Remedy: "Remove scaleDownDelaySeconds, for the default of 30 s, or set it above what the routers need.",
	Source: "https://argo-rollouts.readthedocs.io/en/stable/features/bluegreen/#scaledowndelayseconds",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Kind != "Rollout" {
			return
		}
		for _, strategy := range []string{"blueGreen", "canary"} {
			at := w.Spec("strategy", strategy, "scaleDownDelaySeconds")
			if seconds, ok := at.Int(); ok && seconds == 0 {
				p.Report(w.Object, at, "%s stops its old pods 0 s after the switch", w).FixIfAllowed(manifest.Replace(at, "30"))
			}
		}
	},
}
