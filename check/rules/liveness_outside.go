package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var livenessOutside = &check.Rule{
	Name: "liveness-outside", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Liveness depends on more than the process itself",
	Why: "/actuator/health sums up databases, brokers and registries; a readiness path says when not to send. When one of them fails, " +
		"liveness restarts every pod at once, with its requests.",
	Remedy: "Probe /actuator/health/liveness (Spring Boot 2.3 and later), or a path that only says that the process runs.",
	Source: "https://docs.spring.io/spring-boot/reference/actuator/endpoints.html#actuator.endpoints.kubernetes-probes",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			path := strings.TrimSuffix(c.Liveness.Path(), "/")
			at := c.Liveness.PathNode()
			switch {
			case asksEureka(c): // liveness-restarts-withdrawn says it
			case strings.HasSuffix(path, "/actuator/health"):
				d := p.Report(w.Object, at, "liveness of container %s asks %s, which includes everything that the application depends on", c.Name, path)
				if at.Str() == path {
					d.FixIfAllowed(workload.Replace(at, path+"/liveness"))
				}
			case strings.HasSuffix(path, "/actuator/health/readiness"), path == "/ready", path == "/readyz", path == "/-/ready", path == "/health/ready":
				p.Report(w.Object, at, "liveness of container %s asks %s, which says whether to send requests, not whether to restart", c.Name, path)
			}
		}
	},
}
