package rules

import (
	"path"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var signalToGroup = &check.Rule{
	Name: "signal-to-group", Family: "signals",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The stop signal goes to every process, and a worker's children die of it",
	Why: "dumb-init and tini -g send SIGTERM to the whole process group. A worker such as Celery's takes it as an order to finish its tasks; its child " +
		"processes, which hold these tasks, get it too and end at once: the tasks are lost or done twice.",
	Remedy: "Set DUMB_INIT_SETSID=0, or dumb-init --single-child, or leave -g out of tini's options: the signal then goes to the main process alone.",
	Source: "https://airflow.apache.org/docs/docker-stack/entrypoint.html#signal-propagation, https://github.com/Yelp/dumb-init#session-behavior",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Containers {
			worker, works := workerOf(c)
			if !works || !strings.Contains(worker.Name, "Celery") {
				continue
			}
			argv, at, _ := entry(p, c)
			if at == nil {
				at = c.Node.Get("args").Index(0)
			}
			if init := groupInit(argv, c); init != "" {
				p.Report(w.Object, at, "container %s: %s sends SIGTERM to the children of %s too", c.Name, init, worker.Name)
			}
		}
	},
}

// groupInit is the init that signals the whole group of processes, "" for none.
func groupInit(argv []string, c *workload.Container) string {
	setsid, _ := c.Env("DUMB_INIT_SETSID")
	for i, arg := range argv {
		switch path.Base(arg) {
		case "dumb-init":
			if setsid.Value == "0" || i+1 < len(argv) && (argv[i+1] == "-c" || argv[i+1] == "--single-child") {
				return ""
			}
			return "dumb-init"
		case "tini":
			if i+1 < len(argv) && argv[i+1] == "-g" {
				return "tini -g"
			}
			return ""
		}
	}
	if c.Argv() == nil && strings.HasSuffix(c.ImageName(), "airflow") && setsid.Value != "0" {
		return "dumb-init, the image's entry point,"
	}
	return ""
}
