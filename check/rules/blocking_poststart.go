package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// longStart is from when on a postStart hook holds up a rollout, in seconds:
// as long as the default grace period.
const longStart = 30

var blockingPoststart = &check.Rule{
	Name: "blocking-poststart", Family: "hooks",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The postStart hook blocks",
	Why: "Until postStart returns, the container does not count as running: it is never ready, the containers after it do not start, and " +
		"a rolling update stands still without the capacity that it has taken away.",
	Remedy: "Let the hook return at once; wait in a startup probe or an init container.",
	Source: "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/#hook-handler-execution",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			if c.PostStart == nil {
				continue
			}
			wait, at := c.PostStart.Wait()
			switch {
			case c.PostStart.Time().Endless():
				inScript(p.Report(w.Object, at, "postStart of container %s does not end", c.Name), c.PostStart, longest(c.PostStart))
			case wait >= longStart:
				inScript(p.Report(w.Object, at, "postStart of container %s waits %d s", c.Name, wait), c.PostStart, longest(c.PostStart))
			}
		}
	},
}
