package rules

import (
	"path"
	"slices"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// managers are programs that stand between SIGTERM and the server.
var managers = map[string]struct{ does, instead string }{
	"npm":     {"starts the script in a shell, and neither waits for the server nor reliably passes the signal on", "Start node with the script's file directly."},
	"yarn":    {"starts the script in a shell, and neither waits for the server nor reliably passes the signal on", "Start node with the script's file directly."},
	"pnpm":    {"starts the script in a shell, and neither waits for the server nor reliably passes the signal on", "Start node with the script's file directly."},
	"nodemon": {"is made for development: it restarts the server and ends it hard", "Start node with the script's file directly."},
	"pm2":     {"runs the server in the background, which ends with it", "Start node directly, or use pm2-runtime with kill_timeout raised."},
	"forever": {"runs the server as a child and kills it", "Start node directly: the kubelet restarts it."},
	"uwsgi":   {"takes SIGTERM as an order to reload unless die-on-term is set", "Add --hook-master-start \"unix_signal:15 gracefully_kill_them_all\"; --die-on-term alone drops what is in flight."},
	"flask":   {"is a development server without a graceful stop", "Use gunicorn, uvicorn or another server that drains."},
}

var pid1Manager = &check.Rule{
	Name: "pid1-manager", Family: "signals",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "PID 1 is a launcher that does not stop the server gracefully",
	Why: "SIGTERM goes to PID 1. A package manager, a development server or a process manager in its place ends at once, or not at all, and " +
		"the server behind it never finishes its requests.",
	Remedy: "Make the server itself PID 1: name it directly in command, or exec it.",
	Source: "https://github.com/nodejs/docker-node/blob/main/docs/BestPractices.md, https://uwsgi-docs.readthedocs.io/en/latest/Management.html",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Finite() || w.Pod.Get("shareProcessNamespace").IsTrue() {
			return
		}
		for _, c := range w.Containers {
			argv, at, source := entry(p, c)
			if len(argv) == 0 {
				continue
			}
			name := path.Base(argv[0])
			manager, ok := managers[name]
			switch {
			case !ok:
				continue
			case name == "uwsgi" && (len(argv) == 1 || slices.ContainsFunc(argv[1:], uwsgiConfigured)):
				continue
			case name == "flask" && !slices.Contains(argv, "run"), name == "pm2" && slices.Contains(argv, "--no-daemon"):
				continue
			case (name == "npm" || name == "yarn" || name == "pnpm") && !startsServer(argv[1:]):
				continue
			}
			p.Report(w.Object, at, "container %s runs %s as PID 1%s: it %s", c.Name, name, source, manager.does).Do("%s", manager.instead)
		}
	},
}

// startsServer tells `npm start` and `yarn run x` from other subcommands.
func startsServer(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "start" || a == "run" || a == "serve" || a == "dev" || a == "run-script"
	})
}

// uwsgiConfigured reports whether an argument sets what is asked for, or names
// a file that may.
func uwsgiConfigured(arg string) bool {
	return contains(arg, "die-on-term", "ini", "yaml", "yml", "xml", "json", "hook-master")
}
