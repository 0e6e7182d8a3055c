package rules

import (
	"fmt"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var hookCannotRun = &check.Rule{
	Name: "hook-cannot-run", Family: "hooks",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The hook's command can never run",
	Why: "The first word of an exec hook's command is the program, and there is no shell unless one is named: [\"sleep 15\"] looks for a program with a " +
		"blank in its name. The hook fails, the kubelet records FailedPreStopHook, and SIGTERM comes at once, before any router knows. The " +
		"same happens where the shell can't parse the script.",
	Remedy: "Write each word as an item of the list, [sleep, \"15\"], or name a shell: [sh, -c, \"sleep 15\"].",
	Source: "https://kubernetes.io/docs/tasks/configure-pod-container/attach-handler-lifecycle-event/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			for name, h := range map[string]*workload.Hook{"preStop": c.PreStop, "postStart": c.PostStart} {
				why := cannotRun(h)
				if why == "" {
					continue
				}
				_, at := h.Text()
				d := p.Report(w.Object, at, "%s of container %s cannot run: %s", name, c.Name, why)
				if !shell.OneWord(h.Argv()) {
					d.As(findings.Error, findings.Likely)
					continue
				}
				if t := shell.Parse(h.Argv()[0]); name == "preStop" && p.Target >= sleepAction && len(t.Commands) == 1 && t.Commands[0].Name() == "sleep" && t.Time.Min >= 1 && !t.Time.Endless() && !t.Time.Open {
					wait := ceil(t.Time.Min)
					d.FixIfAllowed(append(roomFor(w, wait), manifest.Rewrite(h.Exec, "sleep", fmt.Sprintf("seconds: %d", wait)))...)
				}
			}
		}
	},
}

// cannotRun says why a hook's command fails in any case, "" if it may run.
func cannotRun(h *workload.Hook) string {
	argv := h.Argv()
	if shell.OneWord(argv) {
		return fmt.Sprintf("%q is one word, and no program has that name", short(argv[0]))
	}
	if _, text, ok := shell.Unwrap(argv); ok && h.Script().Invalid && !contains(text, "{{", "<%") {
		return "its script has a syntax error"
	}
	return ""
}
