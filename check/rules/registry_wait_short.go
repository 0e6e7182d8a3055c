package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// eurekaStale is how long consumers with default settings were seen to go on
// calling an instance that is OUT_OF_SERVICE, in seconds, rounded up. The sum
// of the caches on the way is 95 s.
const eurekaStale = 60

var registryWaitShort = &check.Rule{
	Name: "registry-wait-short", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The hook withdraws from Eureka but does not wait until consumers know",
	Why: "After the status is OUT_OF_SERVICE, three caches still hold the instance: the server's (30 s), the client's (30 s) and " +
		"the load balancer's (35 s). Consumers were seen to go on for 22 to 58 s; what they send after SIGTERM is refused.",
	Remedy: "Wait 60 s (95 s covers the worst case) between the PUT and the end of the hook, or shorten the consumers' caches, and " +
		"raise terminationGracePeriodSeconds accordingly.",
	Source: "https://cloud.spring.io/spring-cloud-netflix/reference/html/ and measurements with the real servers",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Containers {
			withdrawn := false
			for _, command := range c.PreStop.Script().Commands {
				text := strings.Join(command.Words, " ")
				if strings.Contains(text, "OUT_OF_SERVICE") && contains(text, "/apps/", "serviceregistry") {
					withdrawn = true
				}
			}
			if registry, _, ok := registered(c); ok && registry.name != "Eureka" {
				continue
			}
			if wait, at := c.PreStop.Wait(); withdrawn && wait < eurekaStale {
				p.Report(w.Object, at, "container %s withdraws from Eureka and waits %d s; consumers go on for up to %d s", c.Name, wait, eurekaStale)
			}
		}
	},
}
