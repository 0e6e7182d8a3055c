package rules

import (
	"path"
	"regexp"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var stopWait = regexp.MustCompile(`(?m)^\s*stopwaitsecs\s*=\s*[0-9]+`)

var supervisorStopWait = &check.Rule{
	Name: "supervisor-stop-wait", Family: "signals",
	Severity: findings.Info, Confidence: findings.Possible,
	Title:  "supervisord kills its programs after 10 s",
	Why:    "supervisord passes SIGTERM on and sends SIGKILL after stopwaitsecs, 10 s by default, whatever is left of the grace period.",
	Remedy: "Set stopwaitsecs of each program to the time that it needs, or run one container per program.",
	Source: "https://supervisord.org/configuration.html#program-x-section-settings",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Finite() {
			return
		}
		for _, c := range w.Containers {
			argv, at, source := entry(p, c)
			if len(argv) == 0 || path.Base(argv[0]) != "supervisord" {
				continue
			}
			configured := false
			for _, file := range c.Files() {
				configured = configured || stopWait.MatchString(file.Value)
			}
			if !configured {
				p.Report(w.Object, at, "container %s runs supervisord as PID 1%s, and no stopwaitsecs is seen", c.Name, source)
			}
		}
	},
}
