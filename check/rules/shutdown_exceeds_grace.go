package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// stopMargin is kept between the server's own deadline and SIGKILL, in
// seconds: closing pools and flushing logs comes after the last request.
const stopMargin = 5

var shutdownExceedsGrace = &check.Rule{
	Name: "shutdown-exceeds-grace", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The hook and the server's own shutdown time do not fit the grace period",
	Why: "SIGTERM comes only after the preStop hook, and the grace period goes on running. The server believes that it may " +
		"take its full shutdown time for the requests in flight; SIGKILL comes before that.",
	Remedy: "Raise terminationGracePeriodSeconds to the hook's wait plus the server's shutdown time, or shorten that time.",
	Source: "https://docs.spring.io/spring-boot/reference/web/graceful-shutdown.html and each server's manual",
	Workload: func(p *check.Pass, w *workload.Workload) {
		grace, at := w.Grace()
		for _, c := range w.Running() {
			wait, _ := c.PreStop.Wait()
			s, ok := shutdownTime(c)
			if !ok || wait >= grace || wait+s.seconds <= grace {
				continue
			}
			need := wait + s.seconds + stopMargin
			place := at
			if !at.Set() {
				place = c.Node.Get("name")
			}
			p.Report(w.Object, place, "container %s: preStop takes %d s, %s up to %d s more, the grace period is %d s%s",
				c.Name, wait, s.name, s.seconds, grace, byDefault(at)).
				As(findings.Warning, s.confidence).
				Do("Raise terminationGracePeriodSeconds to %d: %d s for the hook, %d s for the server, %d s to spare.", need, wait, s.seconds, stopMargin).
				Fix(setGrace(w, need))
		}
	},
}
