package rules

import (
	"fmt"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/inject"
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
		if heldByAgent(w) {
			for _, u := range unwithdrawn(w) {
				d := p.Report(w.Object, u.container.Node.Get("name"), "%s", u.message)
				if tellsAgent(w) == inject.RegistryAnnotation {
					d.Do("Add the annotation %s: %s to the pod template.", inject.RegistryAnnotation, u.kind)
				} else {
					d.Do("Give the agent in the hook the flag --registry %s.", u.kind)
				}
			}
			return
		}
		if w.Finite() {
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

// untold is a container whose registry the pod's agent is not told of.
type untold struct {
	container *workload.Container
	message   string
	kind      string // as the annotation names it
}

// unwithdrawn are the containers that the agent holds up and takes out of no registry.
func unwithdrawn(w *workload.Workload) (out []untold) {
	if w.Finite() || registryNamed(w) {
		return nil
	}
	for _, c := range w.Containers {
		registry, setting, ok := registered(c)
		if hook, byAgent := agentOf(c); !ok || waitsByItself(c) || byAgent && hook.owns && !onlyWaits(c.PreStop) {
			continue
		}
		out = append(out, untold{c, fmt.Sprintf("container %s registers with %s (%s), and no %s says so: its consumers will not be waited for",
			c.Name, registry.name, short(setting.Value), tellsAgent(w)), registry.kind()})
	}
	return out
}

// Unwithdrawn names each container of injected pods that registers itself in a registry of which
// the agent is not told.
func Unwithdrawn(w *workload.Workload) (messages []string) {
	for _, u := range unwithdrawn(w) {
		messages = append(messages, u.message)
	}
	return messages
}

// short keeps a value from filling a message.
func short(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
