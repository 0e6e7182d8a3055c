package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var scaleDownAtOnce = &check.Rule{
	Name: "scale-down-at-once", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The autoscaler may take nearly all pods away within seconds",
	Why: "Without a policy of its own an autoscaler may remove all surplus pods every 15 s; what holds it back is the stabilization window, 300 s by default. With a " +
		"window of zero one quiet moment is enough: all pods but minReplicas stop together, and the rest take their load cold.",
	Remedy: "Leave stabilizationWindowSeconds at 300, or add a policy that removes a few pods a minute.",
	Source: "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#default-behavior",
	HPA: func(p *check.Pass, h *workload.HPA) {
		down := h.Spec("behavior", "scaleDown")
		if h.Kind == "ScaledObject" {
			down = h.Spec("advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleDown")
		}
		at := down.Get("stabilizationWindowSeconds")
		least, _ := h.Min()
		if window, ok := at.Int(); !ok || window > 15 || !removesAll(down) || h.Max()-least < 3 || h.Workload != nil && !serves(h.Workload) {
			return
		}
		d := p.Report(h.Object, at, "%s may go from %d pods to %d within 15 s", h, h.Max(), least)
		if h.Workload != nil {
			d.Of(h.Workload)
		}
	},
}

// removesAll reports whether the policies let all surplus pods go in 15 s.
func removesAll(down *manifest.Node) bool {
	if down.Get("selectPolicy").Str() == "Disabled" {
		return false
	}
	policies := down.Get("policies")
	if policies.Len() == 0 {
		return true
	}
	all, any := true, false
	for policy := range policies.All() {
		removes := policy.Get("type").Str() == "Percent" && policy.Get("value").IntOr(0) >= 100 && policy.Get("periodSeconds").IntOr(0) <= 15
		all, any = all && removes, any || removes
	}
	if down.Get("selectPolicy").Str() == "Min" {
		return all
	}
	return any
}
