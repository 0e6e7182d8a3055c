package rules

import (
	"regexp"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var fpmDropsRequests = &check.Rule{
	Name: "fpm-drops-requests", Family: "signals",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "php-fpm ends its workers without waiting for their requests",
	Why: "On SIGQUIT php-fpm asks its workers to finish, and waits for process_control_timeout before it sends them SIGTERM and then SIGKILL. That is 0 by default: " +
		"every request in hand is cut within a second or two, whatever the grace period is.",
	Remedy: "Set process_control_timeout in the [global] section, to the longest request and below the grace period.",
	Source: "https://www.php.net/manual/en/install.fpm.configuration.php#process-control-timeout",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Finite() {
			return
		}
		for _, c := range w.Containers {
			if !runsFPM(c) {
				continue
			}
			configured, set := false, false
			for _, file := range c.Files() {
				configured = configured || strings.Contains(file.Value, "[global]")
				set = set || controlTimeout.MatchString(file.Value)
			}
			official := strings.TrimPrefix(strings.TrimPrefix(c.ImageRepo(), "docker.io/"), "library/") == "php"
			switch {
			case set:
			case official || configured:
				p.Report(w.Object, c.Node.Get("image"), "container %s runs php-fpm, and no process_control_timeout is seen", c.Name)
			default:
				p.Report(w.Object, c.Node.Get("image"), "container %s runs php-fpm, and no process_control_timeout is seen; its image may set one", c.Name).
					As(findings.Info, findings.Possible)
			}
		}
	},
}

var controlTimeout = regexp.MustCompile(`(?m)^\s*process_control_timeout\s*=\s*[1-9]`)

// runsFPM reports whether a container is seen to run php-fpm.
func runsFPM(c *workload.Container) bool {
	return runs(c, "php-fpm") || c.Argv() == nil && strings.Contains(c.Tag(), "fpm") && strings.Contains(c.ImageName(), "php")
}
