package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var probePortMissing = &check.Rule{
	Name: "probe-port-missing", Family: "probes",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "A probe or hook names a port that the container does not have",
	Why: "The kubelet cannot resolve the name: the probe fails every time. A pod with such a readiness probe never takes traffic, one " +
		"with such a liveness probe is restarted forever, and such a hook does nothing.",
	Remedy: "Use the name of one of the container's ports, or the number.",
	Source: "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#use-a-named-port",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			look := func(what string, port *manifest.Node) {
				if port == nil || port.Str() == "" || c.Port(port.Str()) != nil {
					return
				}
				if !isNumber(port.Str()) {
					p.Report(w.Object, port, "%s of container %s names port %q, which the container does not have", what, c.Name, port.Str())
				}
			}
			look("readiness", c.Readiness.Port())
			look("liveness", c.Liveness.Port())
			look("startup", c.Startup.Port())
			if c.PreStop != nil {
				look("preStop", c.PreStop.HTTP.Get("port"))
			}
		}
	},
}
