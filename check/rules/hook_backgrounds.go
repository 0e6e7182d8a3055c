package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var hookBackgrounds = &check.Rule{
	Name: "hook-backgrounds", Family: "hooks",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title:  "The hook sends its work to the background and returns",
	Why:    "The kubelet waits for the hook's own process only. A command sent there by & does not hold SIGTERM up, however long it sleeps or waits.",
	Remedy: "Remove the &, or end the script with wait; put a URL that contains & in quotes.",
	Source: "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/#hook-handler-execution",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			if c.PreStop == nil || c.PreStop.Exec == nil {
				continue
			}
			_, at := c.PreStop.Text()
			if lost, url := backgrounded(c.PreStop.Script()); url {
				inScript(p.Report(w.Object, at, "preStop of container %s has a URL with & outside of quotes: the shell cuts it there and does not wait for %s", c.Name, lost.Name()), c.PreStop, lost)
			} else if lost.Words != nil {
				inScript(p.Report(w.Object, at, "preStop of container %s does not wait for %s, which runs in the background", c.Name, lost.Name()), c.PreStop, lost)
			}
		}
	},
}

// backgrounded finds a command that nothing waits for. One beside a sleep in the foreground counts
// as waited for.
func backgrounded(s shell.Script) (lost shell.Command, url bool) {
	for i, command := range s.Commands {
		if !command.Background || command.Runs == shell.No {
			continue
		}
		waited := false
		for _, later := range s.Commands[i+1:] {
			if n := later.Name(); n == "wait" || n == "sleep" && !later.Background {
				waited = true
			}
		}
		last := command.Words[len(command.Words)-1]
		if strings.Contains(last, "://") && strings.Contains(last, "?") {
			return command, true
		}
		if !waited { // of a group, its last command
			for _, next := range s.Commands[i+1:] {
				if !next.Background || next.Depth == 0 {
					break
				}
				command = next
			}
			return command, false
		}
	}
	return shell.Command{}, false
}
