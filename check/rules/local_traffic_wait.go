package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// healthCheckTime is how long cloud load balancers take to stop sending to a
// node that has no pod any more, in seconds, where nothing says how they are set up: two or three
// checks, 5 to 10 s apart.
const healthCheckTime = 15

var localTrafficWait = &check.Rule{
	Name: "local-traffic-wait", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "With externalTrafficPolicy Local, the pod leaves before the load balancer notices",
	Why: "The load balancer sends to nodes and finds out by health checks that a node's last pod is leaving; that takes two or three " +
		"checks. Only the leaving pod can answer until then: other nodes are not asked.",
	Remedy: "Wait at least as long as the load balancer's health checks take, usually 15 to 30 s.",
	Source: "https://github.com/kubernetes/enhancements/tree/master/keps/sig-network/1669-proxy-terminating-endpoints",
	Service: func(p *check.Pass, s *workload.Service) {
		at := s.Spec("externalTrafficPolicy")
		if at.Str() != "Local" || s.Spec("type").Str() != "LoadBalancer" {
			return
		}
		takes := healthTime(s)
		for _, w := range s.Workloads {
			if heldByAgent(w) || w.Finite() {
				continue
			}
			for _, c := range w.Containers {
				// no-prestop reports a missing hook.
				if c.PreStop == nil || !s.Reaches(c) || !onlyWaits(c.PreStop) || waitsByItself(c) {
					continue
				}
				if wait, node := c.PreStop.Wait(); wait < takes {
					p.Report(w.Object, node, "container %s waits %d s; the load balancer of Service %s takes about %d s to leave the node", c.Name, wait, s.Name, takes)
				}
			}
		}
	},
}
