package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var hostPort = &check.Rule{
	Name: "host-port", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The pods take a port of their node",
	Why: "Two pods cannot have it on one node: a rolling update's new pod waits for a free node, or for the old one to be gone. And nobody " +
		"tells clients of the node's port that the pod is leaving.",
	Remedy: "Publish the port by a Service; if it has to be the node's, use a DaemonSet.",
	Source: "https://kubernetes.io/docs/concepts/configuration/overview/#services",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Kind != "Deployment" && w.Kind != "Rollout" && w.Kind != "StatefulSet" {
			return
		}
		for _, c := range w.Running() {
			for port := range c.Node.Get("ports").All() {
				if at := port.Get("hostPort"); at.IntOr(0) > 0 && !w.Pod.Get("hostNetwork").IsTrue() {
					p.Report(w.Object, at, "container %s takes port %s of its node", c.Name, at.Str())
				}
			}
		}
	},
}
