package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var httpHookStatus = &check.Rule{
	Name: "http-hook-status", Family: "hooks",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "An httpGet hook calls a probe's path, and nothing looks at the answer",
	Why: "The kubelet sends the request and ignores the status: 500 counts as success. A hook that asks the readiness or health " +
		"path therefore neither waits nor changes anything; SIGTERM follows within milliseconds.",
	Remedy: "Replace the hook by one that waits: lameduck's agent, or a sleep.",
	Source: "kubelet, pkg/kubelet/lifecycle/handlers.go",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			path := c.PreStop.Path()
			if path == "" {
				continue
			}
			for _, probe := range []*workload.Probe{c.Readiness, c.Liveness, c.Startup} {
				if probe.Path() == path {
					p.Report(w.Object, c.PreStop.HTTP.Get("path"), "preStop of container %s only asks %s, which is what a probe asks", c.Name, path)
					break
				}
			}
		}
	},
}
