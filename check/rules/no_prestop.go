package rules

import (
	"strconv"
	"time"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// The waits that a fix writes, in seconds. Cloud load balancers were seen to take about 20 s (an ALB).
const (
	clusterWait      = int64(termination.CarefulSleep / time.Second)
	loadBalancerWait = 30
)

var noPrestop = &check.Rule{
	Name: "no-prestop", Family: "hooks",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Nothing holds the pod up while routers learn that it is leaving",
	Why: "Without a preStop hook SIGTERM comes at the same moment as the EndpointSlice changes. Most servers stop " +
		"accepting at once; kube-proxy, ingresses and load balancers go on sending for another 30 ms to 20 s, and each of " +
		"those connections is refused. A rolling update of 3 pods at 200 requests/s lost 44 to 63 requests this way.",
	Remedy: "Add a preStop hook that waits until the routers know: lameduck's agent, or a sleep.",
	Source: "https://kubernetes.io/docs/tutorials/services/pods-and-endpoint-termination-flow/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !serves(w) && !presumed(w) || switchedOff(w) || injected(w) || outageOnUpdate(w) {
			return
		}
		for _, c := range servingContainers(w) {
			if c.PreStop != nil || waitsByItself(c) || !answers(c) {
				continue
			}
			wait := routerWait(w)
			d := p.Report(w.Object, c.Node.Get("name"), "container %s %s and has no preStop hook", c.Name, whom(w)).
				Do("Add a preStop hook that waits until the routers know: lameduck's agent, or `sleep: {seconds: %d}`.", wait).
				Fix(addSleep(p, w, c, wait)...)
			if presumed(w) {
				d.As(findings.Info, findings.Possible)
			}
		}
	},
}

// switchedOff reports whether no pod is wanted.
func switchedOff(w *workload.Workload) bool {
	n, at := w.Replicas()
	return n == 0 && at.Set() && w.Scales()
}

// routerWait is the wait that covers the routers which the input shows.
func routerWait(w *workload.Workload) int64 {
	for _, s := range w.Serving {
		if s.Spec("type").Str() == "LoadBalancer" || len(s.Routes) > 0 {
			return loadBalancerWait
		}
	}
	return clusterWait
}

// addSleep gives a container a sleep hook, and the pod the time for it. In a cluster without the
// sleep action it adds none: the image may have no sleep program.
func addSleep(p *check.Pass, w *workload.Workload, c *workload.Container, wait int64) []manifest.Edit {
	if p.Target < sleepAction {
		return nil
	}
	seconds := strconv.FormatInt(wait, 10)
	var edits []manifest.Edit
	if lifecycle := c.Node.Get("lifecycle"); lifecycle.Set() {
		edits = append(edits, manifest.Insert(lifecycle, "preStop", "sleep:\n  seconds: "+seconds))
	} else {
		edits = append(edits, manifest.Insert(c.Node, "lifecycle", "preStop:\n  sleep:\n    seconds: "+seconds))
	}
	return append(edits, roomFor(w, wait)...)
}

// roomFor raises the grace period so that what the application had before is
// left after a wait.
func roomFor(w *workload.Workload, wait int64) []manifest.Edit {
	grace, at := w.Grace()
	if at != nil && !at.Set() {
		return nil
	}
	if longest, _ := w.LongestWait(); longest >= wait {
		return nil
	}
	return []manifest.Edit{setGrace(w, grace+wait)}
}
