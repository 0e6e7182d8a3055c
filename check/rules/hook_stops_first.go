package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var hookStopsFirst = &check.Rule{
	Name: "hook-stops-first", Family: "hooks",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The hook stops the server before the routers know",
	Why: "The hook starts the moment the pod begins to leave. Stopping the server there, however gracefully, closes its " +
		"listening socket while kube-proxy and load balancers still send: those connections are refused.",
	Remedy: "Wait first, then stop the server; or only wait, and let SIGTERM stop it.",
	Source: "https://kubernetes.io/docs/tutorials/services/pods-and-endpoint-termination-flow/, https://github.com/kubernetes/ingress-nginx/issues/7175",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if !serves(w) {
			return
		}
		for _, c := range w.ServingContainers() {
			command, sure, ok := stopsFirst(c)
			if !ok || waitsByItself(c) {
				continue
			}
			text, at := c.PreStop.Text()
			d := inScript(p.Report(w.Object, at, "preStop of container %s runs `%s` without waiting first", c.Name, short(command.String())), c.PreStop, command)
			if !sure {
				d.As(findings.Warning, findings.Likely)
			}
			if _, script, ok := shell.Unwrap(c.PreStop.Argv()); ok && script == text {
				wait := routerWait(w)
				d.Do("Wait first: `sleep %d; …`, with the grace period raised by as much.", wait)
				edits := append(roomFor(w, wait), manifest.Prefix(at, fmt.Sprintf("sleep %d; ", wait)))
				if outageOnUpdate(w) {
					d.FixIfAllowed(edits...) // each update's outage gets longer
				} else {
					d.Fix(edits...)
				}
			}
		}
	},
}

// stopsFirst finds a command that stops the container's server and has no wait
// before it. It is sure if the command runs for certain, and is the server's
// own way to stop.
func stopsFirst(c *workload.Container) (command shell.Command, sure, ok bool) {
	command, sure, ok = stopCommand(c)
	return command, sure, ok && command.After.Waits() == shell.No
}

// stopCommand is the first command of a container's hook that stops a server.
func stopCommand(c *workload.Container) (command shell.Command, sure, ok bool) {
	for _, command := range c.PreStop.Script().Commands {
		if command.Runs == shell.No {
			continue
		}
		if stops, own := stopsServer(command); stops || waitShutdown(c, command) {
			return command, command.Runs == shell.Yes && (own || !stops), true
		}
	}
	return shell.Command{}, false, false
}

// stopWords are programs that stop a server when one of the words is among
// their arguments.
var stopWords = map[string][]string{
	"apachectl": {"graceful-stop", "stop"}, "apache2ctl": {"graceful-stop", "stop"}, "httpd": {"graceful-stop", "stop"},
	"supervisorctl": {"stop", "shutdown"}, "systemctl": {"stop"}, "service": {"stop"}, "sv": {"stop", "down"}, "pm2": {"stop", "kill", "delete"},
	"catalina.sh": {"stop"}, "catalina": {"stop"}, "jboss-cli.sh": {"shutdown", ":shutdown", "--command=:shutdown", "--command=shutdown"},
	"redis-cli": {"shutdown", "SHUTDOWN"}, "mysqladmin": {"shutdown"}, "rabbitmqctl": {"stop", "stop_app", "shutdown"},
	"rc-service": {"stop"}, "caddy": {"stop"}, "uwsgi": {"--stop"}, "kong": {"quit", "stop"}, "varnishadm": {"stop"}, "asadmin": {"stop-domain"},
}

// stopOptions are programs that stop a server when they are given one of the options.
var stopOptions = map[string][]string{
	"s6-svscanctl": {"t", "q", "i", "b", "h", "0", "6", "7", "8"}, // of s6-svscan's manual: all that ends it
	"s6-svc":       {"d", "D", "t", "q", "i", "b", "k", "x", "X"}, "svc": {"d", "t", "k", "x"},
	"s6-rc": {"d"},
}

// stopPaths are requests to the server itself that make it stop.
var stopPaths = []string{"/actuator/shutdown", "/quitquitquit", "/-/quit", "/drain_listeners"}

// stopsServer knows the commands that make a server stop accepting. Own is a
// server's own way to stop; a signal may be caught by one that waits.
func stopsServer(command shell.Command) (stops, own bool) {
	args := command.Args()
	has := func(words ...string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return slices.Contains(words, a) })
	}
	if len(args) > 0 && strings.Contains(args[0], "/init.d/") {
		return has("stop"), true
	}
	name := command.Name()
	switch name {
	case "nginx", "openresty":
		return has("-s") && has("quit", "stop"), true
	case "shutdown.sh", "halt", "poweroff":
		return true, true
	case "kill", "pkill", "killall":
		return stopsBySignal(name, args[1:]), false
	case "curl", "wget":
		text := command.String()
		asks := slices.ContainsFunc(stopPaths, func(p string) bool { return strings.Contains(text, p) })
		return asks && isPost.MatchString(text) && !contains(text, "graceful") && contains(text, "localhost", "127.0.0.1", "[::1]"), true
	}
	return has(stopWords[name]...) || command.Options().Has(stopOptions[name]...), true
}

// harmless signals make a server reload, reopen its logs or do nothing.
var harmless = []string{"0", "1", "HUP", "10", "USR1", "12", "USR2", "18", "CONT", "17", "CHLD"}

// stopsBySignal reports whether kill or one of its kin sends the server a
// signal on which servers end.
func stopsBySignal(name string, args []string) bool {
	signal, targets := "TERM", 0
	for i := 0; i < len(args); i++ {
		arg := args[i]
		value, inline := strings.CutPrefix(arg, "--signal=")
		switch {
		case inline:
			signal = value
		case (arg == "-s" || arg == "--signal" || arg == "-n") && i+1 < len(args):
			i++
			signal = args[i]
		case len(arg) > 1 && arg[0] == '-' && (targets > 0 || arg == "--"):
		case len(arg) > 1 && arg[0] == '-' && (isNumber(arg[1:]) || strings.ToUpper(arg) == arg):
			signal = arg[1:]
		case len(arg) > 1 && arg[0] == '-': // an option such as pkill's -f
		case name != "kill" || arg == "1" || strings.ContainsAny(arg, "$`"):
			targets++
		}
	}
	everyone := name == "kill" && len(args) > 0 && args[len(args)-1] == "-1" && len(args) > 1
	return (targets > 0 || everyone) && !slices.Contains(harmless, strings.TrimPrefix(strings.ToUpper(signal), "SIG"))
}

// waitShutdown is ingress-nginx's own hook: it sends the controller SIGTERM and
// waits for its end, which comes at once unless --shutdown-grace-period says
// otherwise.
func waitShutdown(c *workload.Container, command shell.Command) bool {
	return command.Name() == "wait-shutdown" && !waitsByItself(c)
}
