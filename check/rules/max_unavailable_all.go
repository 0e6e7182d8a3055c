package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var maxUnavailableAll = &check.Rule{
	Name: "max-unavailable-all", Family: "rollout",
	Severity: findings.Error, Confidence: findings.Certain,
	Title:  "A rolling update may take all pods away at once",
	Why:    "maxUnavailable is how many pods may be missing. Where that is all of them, the update stops every old pod before one new pod is ready.",
	Remedy: "Set maxUnavailable to 0 or to a small part of the replicas, with maxSurge of at least 1.",
	Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable",
	Workload: func(p *check.Pass, w *workload.Workload) {
		o := w.Object
		var at *manifest.Node
		switch {
		case w.Rollout != nil:
			o = w.Rollout
			at = o.Spec("strategy", "canary", "maxUnavailable")
		case w.Kind == "CloneSet":
			at = w.Spec("updateStrategy", "maxUnavailable")
		case w.Kind == "Deployment":
			at = w.Spec("strategy", "rollingUpdate", "maxUnavailable")
		case w.Kind == "Rollout":
			at = w.Spec("strategy", "canary", "maxUnavailable")
		case w.Kind == "StatefulSet":
			at = w.Spec("updateStrategy", "rollingUpdate", "maxUnavailable")
		}
		if !at.Set() || !serves(w) {
			return
		}
		n, _ := w.Replicas()
		if taken, ok := workload.Amount(at, n, false); ok && n > 0 && taken >= n {
			d := p.Report(o, at, "maxUnavailable %s of %d replicas lets a rolling update take all of them", at.Str(), n)
			if n == 1 {
				d.As(findings.Warning, findings.Certain) // of one pod a drain takes all as well
			}
			if w.Kind == "Deployment" && w.Rollout == nil && surges(w, n) {
				d.FixIfAllowed(manifest.Replace(at, "0"))
			}
		}
	},
}

// surges reports whether a Deployment's update may start a pod more.
func surges(w *workload.Workload, n int64) bool {
	at := w.Spec("strategy", "rollingUpdate", "maxSurge")
	if !at.Set() {
		return true // 25 %, rounded up
	}
	more, ok := workload.Amount(at, n, true)
	return ok && more > 0
}
