package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var hookStopsFirst = &check.Rule{
	Name: "hook-stops-first", Family: "hooks",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The hook stops the server before the routers know",
	Why: "The hook starts in the moment in which the pod begins to leave. Stopping the server there, however gracefully, closes its " +
		"listening socket while kube-proxy and load balancers still send: those connections are refused.",
	Remedy: "Wait first, then stop the server; or only wait, and let SIGTERM stop it.",
	Source: "https://kubernetes.io/docs/tutorials/services/pods-and-endpoint-termination-flow/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !serves(w) {
			return
		}
		for _, c := range w.ServingContainers() {
			command, ok := stopsFirst(c.PreStop.Script())
			if !ok || waitsByItself(c) {
				continue
			}
			text, at := c.PreStop.Text()
			d := p.Report(w.Object, at, "preStop of container %s runs `%s` without waiting first", c.Name, short(strings.Join(command.Words, " ")))
			if _, script, ok := shell.Unwrap(c.PreStop.Argv()); ok && script == text {
				wait := routerWait(w)
				d.Do("Wait first: `sleep %d; …`, with the grace period raised by as much.", wait).
					Fix(append(roomFor(w, wait), workload.Prefix(at, fmt.Sprintf("sleep %d; ", wait)))...)
			}
		}
	},
}

// stopsFirst finds a command that stops a server and has no wait before it.
func stopsFirst(s shell.Script) (shell.Command, bool) {
	if !s.Complete {
		return shell.Command{}, false
	}
	for _, command := range s.Commands {
		if command.Nest > 0 || command.Or {
			return shell.Command{}, false
		}
		if stopsServer(command) {
			return command, true
		}
		switch command.Name() {
		case "echo", "true", "set", "export", "cd", "":
		default:
			return shell.Command{}, false // it may wait
		}
	}
	return shell.Command{}, false
}

// stopsServer knows the commands that make a server stop accepting.
func stopsServer(command shell.Command) bool {
	args := command.Args()
	has := func(words ...string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return slices.Contains(words, a) })
	}
	switch command.Name() {
	case "nginx", "openresty":
		return has("-s") && has("quit", "stop")
	case "apachectl", "apache2ctl", "httpd":
		return has("graceful-stop", "stop")
	case "kill":
		return has("1") && !has("-0", "-HUP", "-USR1", "-USR2", "-1", "HUP", "USR1", "USR2", "SIGUSR1", "SIGUSR2", "SIGHUP") && len(args) <= 4
	case "supervisorctl":
		return has("stop", "shutdown")
	}
	return false
}
