package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// postOnly are paths that answer 405 to GET, which no one sees in a hook.
var postOnly = []struct{ path, whose string }{
	{"/actuator/shutdown", "Spring Boot's actuator"},
	{"/actuator/serviceregistry", "Spring Cloud's actuator (GET only reads the status)"},
	{"/quitquitquit", "Envoy's admin interface and Istio's agent"},
	{"/drain_listeners", "Envoy's admin interface"},
	{"/healthcheck/fail", "Envoy's admin interface"},
}

var httpHookMethod = &check.Rule{
	Name: "http-hook-method", Family: "hooks",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The hook sends GET to a path that takes only POST",
	Why: "The server answers 405 or only reads, the kubelet ignores the status, and nothing has been drained or shut down when " +
		"SIGTERM follows.",
	Remedy: "Send a POST from an exec hook, and wait after it for what it starts.",
	Source: "https://docs.spring.io/spring-boot/api/rest/actuator/shutdown.html, https://www.envoyproxy.io/docs/envoy/latest/operations/admin",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			path := c.PreStop.Path()
			for _, each := range postOnly {
				if path != "" && strings.HasSuffix(path, each.path) {
					p.Report(w.Object, c.PreStop.HTTP.Get("path"), "preStop of container %s sends GET %s; %s takes only POST", c.Name, path, each.whose)
				}
			}
		}
	},
}
