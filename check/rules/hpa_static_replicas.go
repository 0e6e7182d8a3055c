package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var hpaStaticReplicas = &check.Rule{
	Name: "hpa-static-replicas", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The manifest sets the replicas that an autoscaler sets too",
	Why: "Each time the manifest is applied, the number of pods falls back to what it says, in the middle of the day's peak: pods that the " +
		"autoscaler had added are stopped all at once, and the rest take their load.",
	Remedy: "Remove spec.replicas. Once, before that, take the field out of the last applied configuration " +
		"(kubectl apply edit-last-applied), or the removal itself scales to one.",
	Source: "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if at := w.Spec("replicas"); at.Set() && len(w.HPAs) > 0 {
			p.Report(w.Object, at, "replicas is %s, and %s sets it as well", at.Str(), w.HPAs[0]).
				FixIfAllowed(manifest.Remove(at))
		}
	},
}
