package rules

import (
	"path"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
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
	Why: "nginx, php-fpm and Apache end at once on SIGTERM and finish their requests only on a signal of their own; so does uwsgi with " +
		"die-on-term. The official images " +
		"say so in STOPSIGNAL; an image that does not, or a pod that overrides it, cuts every request at the stop.",
	Remedy: "Set STOPSIGNAL in the image (nginx, php-fpm: SIGQUIT; Apache: SIGWINCH), or lifecycle.stopSignal where the cluster has it.",
	Source: "https://nginx.org/en/docs/control.html, https://www.php.net/manual/en/install.fpm.php, https://httpd.apache.org/docs/current/stopping.html, https://uwsgi-docs.readthedocs.io/en/latest/Management.html",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			if at := diesOnTerm(p, c); at != nil {
				p.Report(w.Object, at, "container %s: uwsgi with die-on-term kills its workers on SIGTERM with their requests", c.Name).
					As(findings.Warning, findings.Likely).
					Do("Add --hook-master-start \"unix_signal:15 gracefully_kill_them_all\" to uwsgi, and drop --die-on-term.")
				continue
			}
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

// diesOnTerm is the place of uwsgi's command line if it says that SIGTERM ends
// the workers at once, and no file can say otherwise.
func diesOnTerm(p *check.Pass, c *workload.Container) *manifest.Node {
	argv, at, _ := entry(p, c)
	if len(argv) == 0 || path.Base(argv[0]) != "uwsgi" {
		return nil
	}
	dies := false
	for _, arg := range argv[1:] {
		if contains(arg, "gracefully_kill_them_all", "ini", "yaml", "yml", "xml", "json") {
			return nil
		}
		dies = dies || arg == "--die-on-term" || arg == "--die-on-term=true"
	}
	if !dies || c.PreStop != nil && !onlyWaits(c.PreStop) {
		return nil // a hook may have it quit by the master FIFO
	}
	return at
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
