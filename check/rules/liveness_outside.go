package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var livenessOutside = &check.Rule{
	Name: "liveness-outside", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Liveness depends on more than the process itself",
	Why: "/actuator/health includes databases, brokers and registries; a readiness path says when not to send; a command such as pg_isready -h db " +
		"asks another host. When one of them fails, liveness restarts every pod at once, with its requests.",
	Remedy: "Probe /actuator/health/liveness (Spring Boot 2.3 and later), or a path that only says that the process runs.",
	Source: "https://docs.spring.io/spring-boot/reference/actuator/endpoints.html#actuator.endpoints.kubernetes-probes",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			path := strings.TrimSuffix(c.Liveness.Path(), "/")
			at := c.Liveness.PathNode()
			if host := asksHost(c.Liveness); host != "" {
				p.Report(w.Object, c.Liveness.Exec, "liveness of container %s asks %s, which is not in this pod", c.Name, host).
					Do("Ask the process itself: 127.0.0.1, a socket, or a file that it touches. Whether others answer is a question for readiness, if at all.")
			}
			switch {
			case asksEureka(c): // liveness-restarts-withdrawn reports it
			case strings.HasSuffix(path, "/actuator/health"):
				d := p.Report(w.Object, at, "liveness of container %s asks %s, which includes everything that the application depends on", c.Name, path)
				if at.Str() == path {
					d.FixIfAllowed(manifest.Replace(at, path+"/liveness"))
				}
			case strings.HasSuffix(path, "/actuator/health/readiness"), path == "/ready", path == "/readyz", path == "/-/ready", path == "/health/ready":
				d := p.Report(w.Object, at, "liveness of container %s asks %s, which says whether to send requests, not whether to restart", c.Name, path)
				if !strings.Contains(path, "/actuator/") {
					d.Do("Probe a path that only says that the process runs.")
				}
			}
		}
	},
}

// asksHost is the other host that a probe's command asks, "" if it asks none
// for certain.
func asksHost(probe *workload.Probe) string {
	if probe == nil || probe.Exec == nil {
		return ""
	}
	for _, command := range shell.Read(probe.Exec.Get("command").Strings(), nil).Commands {
		if command.Runs == shell.No {
			continue
		}
		if host := hostOf(command); elsewhere(host) {
			return host
		}
	}
	return ""
}

// elsewhere reports whether a host is not one of the pod's own names. A variable may be any.
func elsewhere(host string) bool {
	return host != "" && !strings.ContainsAny(host, "$`/[{<") && !strings.HasPrefix(host, "127.") && !strings.HasPrefix(host, "-") &&
		host != "localhost" && host != "0.0.0.0" && host != "::1" && host != "::" && !strings.HasSuffix(host, ".localhost")
}
