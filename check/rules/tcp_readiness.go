package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var tcpReadiness = &check.Rule{
	Name: "tcp-readiness", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Readiness only asks whether the port is open, though the server speaks HTTP",
	Why: "The kernel accepts connections for a listening socket before the application can answer, and goes on while it is draining. Such a " +
		"pod gets requests too early and never turns unready by itself.",
	Remedy: "Use httpGet with the path that another probe of the container asks already, or a readiness path of its own.",
	Source: "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Containers {
			if c.Readiness == nil || c.Readiness.TCP == nil {
				continue
			}
			for _, other := range []*workload.Probe{c.Liveness, c.Startup} {
				if other != nil && other.HTTP != nil && c.SamePort(other.Port(), c.Readiness.Port()) {
					p.Report(w.Object, c.Readiness.TCP, "readiness of container %s opens port %s, on which another probe asks %s", c.Name, c.Readiness.Port().Str(), other.Path())
					break
				}
			}
		}
	},
}
