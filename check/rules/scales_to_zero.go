package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var scalesToZero = &check.Rule{
	Name: "scales-to-zero", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The autoscaler may leave no pod at all for a Service",
	Why: "A ScaledObject goes down to minReplicaCount, 0 if it is not set, when its trigger is quiet. A Service without a pod refuses every request until one " +
		"has started; only KEDA's HTTP add-on holds requests back meanwhile.",
	Remedy: "Set minReplicaCount to at least 1, better 2, for what answers requests.",
	Source: "https://keda.sh/docs/latest/reference/scaledobject-spec/#minreplicacount",
	HPA: func(p *check.Pass, h *workload.HPA) {
		if h.Kind != "ScaledObject" || h.Workload == nil || !serves(h.Workload) {
			return
		}
		if n, at := h.Min(); n == 0 {
			p.Report(h.Object, at, "%s scales %s, which serves %s, down to 0 pods%s", h, h.Workload, h.Workload.Serving[0], byDefault(at)).Of(h.Workload)
		}
	},
}
