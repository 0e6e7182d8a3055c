package rules

import (
	"slices"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var fastStopHook = &check.Rule{
	Name: "fast-stop-hook", Family: "hooks",
	Severity: findings.Error, Confidence: findings.Certain,
	Title:  "The hook ends the server at once, with its requests",
	Why:    "nginx -s stop and apachectl stop stop the server fast: open connections are closed in mid-response.",
	Remedy: "Use nginx -s quit or apachectl graceful-stop, after a wait, or leave the stop to the stop signal.",
	Source: "https://nginx.org/en/docs/control.html, https://httpd.apache.org/docs/current/stopping.html",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			for _, command := range c.PreStop.Script().Commands {
				if command.Runs != shell.No && stopsFast(command) {
					_, at := c.PreStop.Text()
					d := inScript(p.Report(w.Object, at, "preStop of container %s runs `%s`, which closes open connections", c.Name, short(command.String())), c.PreStop, command)
					if command.Runs == shell.Maybe {
						d.As(findings.Error, findings.Likely)
					}
				}
			}
		}
	},
}

func stopsFast(command shell.Command) bool {
	args := command.Args()
	switch command.Name() {
	case "nginx", "openresty":
		i := slices.Index(args, "-s")
		return i >= 0 && i+1 < len(args) && args[i+1] == "stop"
	case "apachectl", "apache2ctl", "httpd":
		return slices.Contains(args, "stop")
	}
	return false
}
