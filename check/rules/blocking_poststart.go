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
		"a rolling update stands still with the capacity that it has taken away.",
	Remedy: "Let the hook return at once; wait in a startup probe or an init container.",
	Source: "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/#hook-handler-execution",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			if c.PostStart == nil {
				continue
			}
			if wait, at := c.PostStart.Wait(); wait >= longStart {
				p.Report(w.Object, at, "postStart of container %s waits %d s", c.Name, wait)
				continue
			}
			_, at := c.PostStart.Text()
			for i, command := range c.PostStart.Script().Commands {
				args := command.Args()
				forever := len(args) > 1 && args[0] == "sleep" && args[1] == "infinity" ||
					len(args) > 1 && args[0] == "tail" && (args[1] == "-f" || args[1] == "-F") ||
					command.Loop && len(args) == 1 && (args[0] == "true" || args[0] == ":") && !leaves(c.PostStart, i)
				if forever && command.Op != "&" {
					p.Report(w.Object, at, "postStart of container %s does not end", c.Name)
					break
				}
			}
		}
	},
}

// leaves reports whether a loop that starts at the i-th command can end.
func leaves(h *workload.Hook, i int) bool {
	for _, command := range h.Script().Commands[i:] {
		switch command.Name() {
		case "break", "exit", "return":
			return true
		}
		if command.Op == "&" {
			return true
		}
	}
	return false
}
