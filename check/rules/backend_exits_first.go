package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var backendExitsFirst = &check.Rule{
	Name: "backend-exits-first", Family: "sidecars",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The backend stops while the proxy in front of it still takes requests",
	Why: "Each main container gets its stop signal when its own hook is over. A proxy that waits in preStop goes on taking requests after the backend " +
		"beside it, which has no hook, has stopped: each of them is answered with 502.",
	Remedy: "Give the backend the same preStop wait, or make it a native sidecar (an init container with restartPolicy: Always), which stops after the proxy.",
	Source: "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !serves(w) || heldByAgent(w) {
			return
		}
		for _, front := range w.ServingContainers() {
			wait := ceil(accepting(front).Min)
			if roleOf(front) != proxy {
				continue
			}
			for _, back := range w.Containers {
				own, _ := back.PreStop.Wait()
				if back == front || receives(back) || own >= wait || back.PreStop.Time().Open || waitsByItself(back) || !backs(back) {
					continue
				}
				grace, _ := w.Grace()
				d := p.Report(w.Object, back.Node.Get("name"), "container %s stops after %d s, container %s in front of it takes requests for %d s", back.Name, own, front.Name, min(wait, grace))
				if _, known := shutdownTime(back); !known && !runsFPM(back) {
					d.As(findings.Warning, findings.Possible)
				}
				if back.PreStop == nil && wait < grace {
					d.Fix(addSleep(p, w, back, wait)...)
				}
			}
		}
	},
}

// backs reports whether a container may be the backend of a proxy beside it.
func backs(c *workload.Container) bool {
	return answers(c) && roleOf(c) != proxy && !contains(c.ImageName(), "agent", "sync", "reload", "metrics", "log")
}
