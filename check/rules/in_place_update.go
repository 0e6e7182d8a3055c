package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
)

var inPlaceUpdate = &check.Rule{
	Name: "in-place-update", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "An update restarts containers in place, before the routers know",
	Why: "OpenKruise's in-place update changes the image in a running pod: the pod is not deleted, so no terminating endpoint and no budget of the grace period " +
		"holds the container up. Its readiness gate turns false, and without gracePeriodSeconds the container is stopped at the same moment, while the routers still send.",
	Remedy: "Set inPlaceUpdateStrategy.gracePeriodSeconds to what the routers need, 15 s inside a cluster and 30 s behind a load balancer.",
	Source: "https://openkruise.io/docs/core-concepts/inplace-update/#graceful-in-place-update",
	Object: func(p *check.Pass, o *manifest.Object) {
		if o.Group() != "apps.kruise.io" {
			return
		}
		at := o.Spec("updateStrategy", "type")
		strategy := o.Spec("updateStrategy", "inPlaceUpdateStrategy")
		if o.Kind == "StatefulSet" {
			at = o.Spec("updateStrategy", "rollingUpdate", "podUpdatePolicy")
			strategy = o.Spec("updateStrategy", "rollingUpdate", "inPlaceUpdateStrategy")
		}
		if at.Str() != "InPlaceIfPossible" && at.Str() != "InPlaceOnly" {
			return
		}
		if seconds := strategy.Get("gracePeriodSeconds").IntOr(0); seconds == 0 {
			p.Report(o, at, "%s updates its containers in place, 0 s after it turns them not ready", o)
		}
	},
}
