package rules

import (
	"path"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// gracefulSignals are the servers that take SIGTERM as "at once", and the
// signal on which they finish their requests.
var gracefulSignals = map[string]string{
	"nginx": "SIGQUIT", "openresty": "SIGQUIT", "php-fpm": "SIGQUIT",
	"httpd": "SIGWINCH", "httpd-foreground": "SIGWINCH", "apache2": "SIGWINCH", "apache2-foreground": "SIGWINCH",
}

var stopSignal = &check.Rule{
	Name: "stop-signal", Family: "signals",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The server takes its stop signal as an order to drop everything",
	Why: "nginx, php-fpm and Apache end at once on SIGTERM and finish their requests only on a signal of their own. The official images " +
		"say so in STOPSIGNAL; an image that does not, or a pod that overrides it, cuts every request at the stop.",
	Remedy: "Set STOPSIGNAL in the image (nginx, php-fpm: SIGQUIT; Apache: SIGWINCH), or lifecycle.stopSignal where the cluster has it.",
	Source: "https://nginx.org/en/docs/control.html, https://www.php.net/manual/en/install.fpm.php, https://httpd.apache.org/docs/current/stopping.html",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			program := serverOf(p, c)
			want := gracefulSignals[program]
			if want == "" {
				continue
			}
			if n := c.Node.Get("lifecycle", "stopSignal"); n.Set() {
				if n.Str() == "SIGTERM" || n.Str() == "SIGINT" {
					p.Report(w.Object, n, "container %s: %s finishes its requests on %s, not on %s", c.Name, program, want, n.Str())
				}
				continue
			}
			facts, known := p.Images.Of(c.Image)
			if signal := signalName(facts.StopSignal); known && (signal == "SIGTERM" || signal == "SIGINT") {
				p.Report(w.Object, c.Node.Get("image"), "container %s: %s finishes its requests on %s, and the image stops it with %s", c.Name, program, want, signal)
			}
		}
	},
}

// serverOf is the program that a container is known to run.
func serverOf(p *check.Pass, c *workload.Container) string {
	argv, _, _ := entry(p, c)
	for _, arg := range argv {
		if name := path.Base(arg); gracefulSignals[name] != "" {
			return name
		}
	}
	if argv == nil && c.Node.Get("command").Len() == 0 {
		switch repo := strings.TrimPrefix(strings.TrimPrefix(c.ImageRepo(), "docker.io/"), "library/"); repo {
		case "nginx", "httpd":
			return repo
		}
	}
	return ""
}

// signalName is STOPSIGNAL in its long form; none means SIGTERM.
func signalName(s string) string {
	switch s {
	case "", "15", "TERM":
		return "SIGTERM"
	case "2", "INT":
		return "SIGINT"
	case "3", "QUIT":
		return "SIGQUIT"
	case "28", "WINCH":
		return "SIGWINCH"
	}
	return s
}
