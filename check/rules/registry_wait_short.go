package rules

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/registry/caches"
	dubboqos "github.com/lameduck-dev/lameduck/registry/dubbo"
	"github.com/lameduck-dev/lameduck/registry/eureka"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var registryWaitShort = &check.Rule{
	Name: "registry-wait-short", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The hook withdraws from the registry but does not wait until consumers know",
	Why: "A consumer chooses from its own copy of the list. With Eureka three caches hold the instance after its status is OUT_OF_SERVICE: the " +
		"server's (30 s), the client's (30 s) and Spring Cloud LoadBalancer's (35 s); consumers were seen to go on for 22 to 58 s. Nacos, Consul " +
		"and ZooKeeper tell in a second, and the load balancer's cache holds on all the same. Dubbo's consumers stop 1 to 3 s after /offline. " +
		"What is sent after SIGTERM is refused.",
	Remedy: fmt.Sprintf("Wait until the caches have run out between the withdrawal and the end of the hook (Eureka by default %d s, and %d s in the worst "+
		"case; Nacos, Consul and ZooKeeper %d s; Dubbo %d s), or shorten spring.cloud.loadbalancer.cache.ttl and eureka.client.registry-fetch-interval-seconds at the "+
		"consumers, and raise terminationGracePeriodSeconds accordingly.",
		seconds(eureka.Kind.Caches.Seen), seconds(eureka.Kind.Caches.Most), seconds(caches.Spring.Seen), seconds(dubboqos.Kind.Caches.Seen)),
	Source: "https://docs.spring.io/spring-cloud-commons/reference/spring-cloud-commons/loadbalancer.html and measurements with the real servers",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Containers {
			registry, _, ok := registered(c)
			name := withdraws(c.PreStop, registry.name)
			if name == "" {
				continue
			}
			if ok && registry.name != name || !ok && name != "Eureka" {
				continue // another's registry, or consumers of which nothing is known
			}
			stale := staleness(p, name)
			_, at := c.PreStop.Wait()
			// The wait behind `withdraw && sleep 60` comes if the call works.
			if wait := c.PreStop.Most(); wait < stale {
				p.Report(w.Object, at, "container %s withdraws from %s and waits %d s; consumers go on for up to %d s", c.Name, name, wait, stale)
			}
		}
	},
}

var isPut = regexp.MustCompile(`(?i)(-[a-z]*X\s*|--request[ =]|--method[ =])"?PUT`)

// deletesNode is ZooKeeper's own client told to delete an instance.
var deletesNode = regexp.MustCompile(`(?i)zkcli.*\bdelete(all)?\s`)

// dubboOffline is QoS told to take the application out.
var dubboOffline = regexp.MustCompile(`:\d+/offline(App)?\b`)

// withdraws names the registry from which a hook takes the instance out, in a
// way that works; "" for none. Spring's endpoint does so in whichever registry
// the application is registered.
func withdraws(h *workload.Hook, registered string) string {
	for _, command := range h.Script().Commands {
		text := command.String()
		switch {
		case strings.Contains(text, "OUT_OF_SERVICE") && contains(text, "/apps/"):
			return "Eureka"
		case contains(text, "/serviceregistry") && (registered == "Eureka" || registered == "ZooKeeper") && strings.Contains(text, "OUT_OF_SERVICE"),
			contains(text, "/serviceregistry") && registered == "Nacos" && strings.Contains(text, "DOWN"):
			return registered
		case registered == "ZooKeeper" && deletesNode.MatchString(text):
			return registered
		case registered == dubbo && dubboOffline.MatchString(text):
			return registered
		case strings.Contains(text, "/ns/instance") && strings.Contains(text, "enabled=false") && isPut.MatchString(text):
			return "Nacos"
		case contains(text, "/v1/agent/service/deregister/", "consul services deregister"),
			strings.Contains(text, "/v1/agent/service/maintenance/") && strings.Contains(text, "enable=true"):
			return "Consul"
		}
	}
	return ""
}
