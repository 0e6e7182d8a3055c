package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var registryNotWithdrawn = &check.Rule{
	Name: "registry-not-withdrawn", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The registry learns of the stop only after SIGTERM",
	Why: "Kubernetes takes the pod out of its Services by itself, but a registry learns of the stop only when the application " +
		"deregisters, after SIGTERM. A sleep before that is spent while consumers go on calling, and after SIGTERM their " +
		"caches keep the address for a while: 22 to 58 s were measured with Eureka's defaults, 35 s is the default of " +
		"Spring Cloud LoadBalancer.",
	Remedy: "Withdraw the instance first (Eureka: PUT …/status?value=OUT_OF_SERVICE, Nacos: PUT …/instance with enabled=false, " +
		"Consul: PUT /v1/agent/service/deregister/ID at the pod's agent, Dubbo: GET 127.0.0.1:22222/offline), wait until the consumers' caches have run out, and only then let the pod stop; " +
		"lameduck's agent does this and confirms it.",
	Source: "https://cloud.spring.io/spring-cloud-netflix/reference/html/ and measurements with the real servers",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Finite() || injected(w) {
			return
		}
		for _, c := range w.Containers {
			registry, setting, ok := registered(c)
			if !ok || !onlyWaits(c.PreStop) || waitsByItself(c) {
				continue
			}
			at, what := c.Node.Get("name"), "has no preStop hook"
			if c.PreStop != nil {
				_, at = c.PreStop.Wait()
				what = "only sleeps in its preStop hook"
			}
			p.Report(w.Object, at, "container %s registers with %s (%s) and %s", c.Name, registry.name, short(setting.Value), what)
		}
	},
}

// short keeps a value from filling a message.
func short(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
