package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// eurekaHealth are the properties that keep Eureka's status out of
// /actuator/health when they are false.
var eurekaHealth = []string{
	"management.health.eureka.enabled", "management.health.discovery-composite.enabled",
	"spring.cloud.discovery.client.composite-indicator.enabled", "spring.cloud.discovery.client.health-indicator.enabled",
}

var livenessRestartsWithdrawn = &check.Rule{
	Name: "liveness-restarts-withdrawn", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Liveness restarts a pod that is only withdrawn from Eureka",
	Why: "About 32 s after its status is OUT_OF_SERVICE, the application's own /actuator/health answers 503, because it includes the status at " +
		"Eureka. A pod that is taken out before a stop, or to be examined, is then restarted by its liveness probe, with the requests that " +
		"it was to finish; and after a restart it stays out, since the status outlives it.",
	Remedy: "Probe /actuator/health/liveness, or set management.health.eureka.enabled=false.",
	Source: "measured with Eureka server 4.3.1 and Spring Boot 3.5; https://docs.spring.io/spring-boot/reference/actuator/endpoints.html#actuator.endpoints.kubernetes-probes",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			if at := c.Liveness.PathNode(); asksEureka(c) {
				d := p.Report(w.Object, at, "liveness of container %s asks %s, which is 503 once the pod is withdrawn from Eureka", c.Name, c.Liveness.Path())
				if strings.HasSuffix(at.Str(), "/actuator/health") {
					d.FixIfAllowed(manifest.Replace(at, at.Str()+"/liveness"))
				}
			}
		}
	},
}

// asksEureka reports whether a container's liveness includes its status at
// Eureka.
func asksEureka(c *workload.Container) bool {
	if !strings.HasSuffix(strings.TrimSuffix(c.Liveness.Path(), "/"), "/actuator/health") {
		return false
	}
	if registry, _, ok := registered(c); !ok || registry.name != "Eureka" {
		return false
	}
	for _, property := range eurekaHealth {
		if s, ok := c.Property(property); ok && strings.EqualFold(s.Value, "false") {
			return false
		}
	}
	return true
}
