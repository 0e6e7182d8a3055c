package rules

import (
	"strconv"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var prestopWaitShort = &check.Rule{
	Name: "prestop-wait-short", Family: "hooks",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The hook is over before the routers in front have stopped sending",
	Why: "A preStop hook holds SIGTERM up for as long as it runs, and no longer. A router that learns later goes on sending to a server that " +
		"has stopped: kube-proxy needs about a second at rest, an ingress two, a cloud load balancer about 20, Azure's Application Gateway up to 90.",
	Remedy: "Wait at least as long as the slowest router, and raise terminationGracePeriodSeconds by as much.",
	Source: "lameduck timeline draws the same; https://kubernetes.io/docs/tutorials/services/pods-and-endpoint-termination-flow/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !serves(w) || switchedOff(w) || heldByAgent(w) || outageOnUpdate(w) {
			return
		}
		slowest := router{}
		grace, _ := w.Grace()
		for _, r := range routersOf(w) {
			// A registry's consumers and DNS have rules of their own.
			if r.service != nil && r.name != "DNS" && r.seconds > slowest.seconds {
				slowest = r
			}
		}
		for _, c := range w.ServingContainers() {
			if c.PreStop == nil || waitsByItself(c) || !answers(c) || waitsLocally(c, slowest.service) || neverRuns(c.PreStop) {
				continue
			}
			if _, _, stops := stopsFirst(c); stops {
				continue // hook-stops-first reports it
			}
			t := accepting(c)
			least, most := ceil(t.Min), ceil(t.Max)
			unsure := most >= slowest.seconds // a condition, or a bound, may cut it short
			if least >= slowest.seconds || t.Open && (unsure || !byVariables(c.PreStop)) || unsure && most >= grace {
				continue
			}
			wait, at := c.PreStop.Wait()
			var d *check.Draft
			switch {
			case unsure:
				d = p.Report(w.Object, at, "container %s goes on accepting for %d s for certain; %s may send for %d s", c.Name, least, slowest.name, slowest.seconds).
					As(findings.Info, findings.Possible)
			case t.Open:
				d = p.Report(w.Object, at, "container %s goes on accepting for %d s unless a variable says more; %s may send for %d s", c.Name, most, slowest.name, slowest.seconds).
					As(findings.Warning, findings.Likely)
			default:
				d = p.Report(w.Object, at, "container %s goes on accepting for %d s; %s may send for %d s", c.Name, most, slowest.name, slowest.seconds)
			}
			inScript(d, c.PreStop, longest(c.PreStop))
			need := max(routerWait(w), slowest.seconds)
			d.Do("Wait %d s, or use lameduck's agent, which waits for evidence.", need)
			if c.PreStop.Sleep != nil && at.Located() {
				d.FixIfAllowed(append(roomFor(w, need-wait), manifest.Replace(at, strconv.FormatInt(need, 10)))...)
			}
		}
	},
}

// byVariables reports whether all that a hook waits for without a known bound are sleeps whose
// variables have a default.
func byVariables(h *workload.Hook) bool {
	found := false
	for _, command := range h.Script().Commands {
		_, sleeps := command.Default()
		if command.Takes.Open && !sleeps {
			return false
		}
		found = found || sleeps
	}
	return found
}

// waitsLocally reports whether local-traffic-wait is about the container.
func waitsLocally(c *workload.Container, s *workload.Service) bool {
	if s == nil || s.Spec("externalTrafficPolicy").Str() != "Local" || s.Spec("type").Str() != "LoadBalancer" || !onlyWaits(c.PreStop) {
		return false
	}
	wait, _ := c.PreStop.Wait()
	return wait < healthTime(s)
}

// neverRuns reports whether a hook fails in any case, which other rules report.
func neverRuns(h *workload.Hook) bool { return h.TCP != nil || cannotRun(h) != "" }
