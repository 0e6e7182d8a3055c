package rules

import (
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var daemonsetMaxUnavailable = &check.Rule{
	Name: "daemonset-max-unavailable", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "An update of the DaemonSet stops half of its pods or more at once",
	Why: "A DaemonSet's update stops the old pod of a node before it starts the new one. At 50 % or more, the nodes that are left " +
		"take at least twice their load, and at 100 % there are none left.",
	Remedy: "Set maxUnavailable to 1 or to a small part, or use maxSurge, which starts the new pod first.",
	Source: "https://kubernetes.io/docs/tasks/manage-daemon/update-daemon-set/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Kind != "DaemonSet" || !serves(w) {
			return
		}
		at := w.Spec("updateStrategy", "rollingUpdate", "maxUnavailable")
		text, percent := strings.CutSuffix(at.Str(), "%")
		share, err := strconv.Atoi(text)
		if percent && err == nil && share >= 50 {
			p.Report(w.Object, at, "an update of %s stops %s of its pods at once", w, at.Str())
		}
	},
}
