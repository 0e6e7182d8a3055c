package rules

import (
	"fmt"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var tcpHook = &check.Rule{
	Name: "tcp-hook", Family: "hooks",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "A tcpSocket hook always fails",
	Why: "The API accepts tcpSocket in a hook for compatibility, and the kubelet has no code to run it: the hook fails with an " +
		"event, and SIGTERM comes at once, before any router knows.",
	Remedy: "Use sleep, exec or httpGet instead.",
	Source: "https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#lifecycle",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			if h := c.PreStop; h != nil && h.TCP != nil {
				d := p.Report(w.Object, h.TCP, "preStop of container %s is a tcpSocket, which the kubelet cannot run", c.Name)
				if p.Target >= sleepAction && h.Exec == nil && h.HTTP == nil && h.Sleep == nil {
					wait := routerWait(w)
					d.FixIfAllowed(append(roomFor(w, wait), manifest.Rewrite(h.TCP, "sleep", fmt.Sprintf("seconds: %d", wait)))...)
				}
			}
			if h := c.PostStart; h != nil && h.TCP != nil {
				p.Report(w.Object, h.TCP, "postStart of container %s is a tcpSocket, which the kubelet cannot run", c.Name)
			}
		}
	},
}
