package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// The versions in which the sleep action, and one of zero seconds, are on by
// default (features PodLifecycleSleepAction and …AllowZero).
const (
	sleepAction check.Version = 30
	sleepZero   check.Version = 33
)

var sleepActionUnsupported = &check.Rule{
	Name: "sleep-action-unsupported", Family: "hooks",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The cluster does not know the sleep action",
	Why: "An API server before 1.30 drops the field: the preStop hook is empty and the pod is refused, or, with the field " +
		"pruned by a tool, stops without any wait.",
	Remedy: "Use an exec hook that sleeps, or upgrade the cluster.",
	Source: "https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/ (PodLifecycleSleepAction)",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			for _, h := range []*workload.Hook{c.PreStop, c.PostStart} {
				if h == nil || h.Sleep == nil {
					continue
				}
				seconds, ok := h.Sleep.Get("seconds").Int()
				switch {
				case p.Target < sleepAction:
					p.Report(w.Object, h.Sleep, "container %s uses the sleep action, which Kubernetes %s does not have", c.Name, p.Target)
				case ok && seconds == 0 && p.Target < sleepZero:
					p.Report(w.Object, h.Sleep.Get("seconds"), "container %s sleeps 0 s, which Kubernetes %s refuses", c.Name, p.Target)
				}
			}
		}
	},
}
