package rules

import (
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var probeTimeout = &check.Rule{
	Name: "probe-timeout", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The probe's command may take longer than the kubelet waits for it",
	Why: "The kubelet counts the probe as failed after timeoutSeconds, 1 s by default, while the command would wait longer: under load " +
		"a healthy pod loses its traffic, or is restarted with its requests.",
	Remedy: "Raise timeoutSeconds above the command's own limit, or lower the latter.",
	Source: "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#configure-probes",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			for _, probe := range []*workload.Probe{c.Readiness, c.Liveness, c.Startup} {
				if probe == nil || probe.Exec == nil {
					continue
				}
				if limit, ok := ownLimit(probe.Exec.Get("command").Strings()); ok && limit > float64(probe.Timeout()) {
					at := probe.Node.Get("timeoutSeconds")
					said := ""
					if !at.Set() {
						at, said = probe.Node, " (the default)"
					}
					d := p.Report(w.Object, at, "container %s: the command of %s may take %g s, timeoutSeconds is %d%s", c.Name, probe.Node.Key, limit, probe.Timeout(), said)
					if ceil(limit) < probe.Period() {
						d.Fix(workload.Put(probe.Node, "timeoutSeconds", strconv.FormatInt(ceil(limit)+1, 10)))
					}
				}
			}
		}
	},
}

// limits are the flags by which usual probe commands bound their own time.
var limits = map[string][]string{
	"curl":              {"-m", "--max-time", "--connect-timeout"},
	"wget":              {"-T", "--timeout"},
	"timeout":           {""},
	"sleep":             {""},
	"pg_isready":        {"-t", "--timeout"},
	"grpc_health_probe": {"-connect-timeout", "-rpc-timeout", "--connect-timeout", "--rpc-timeout"},
}

// ownLimit is the time that a probe's command gives itself, in seconds.
func ownLimit(argv []string) (seconds float64, ok bool) {
	script := shell.Script{Commands: []shell.Command{{Words: argv}}}
	if _, text, isShell := shell.Unwrap(argv); isShell {
		script = shell.Parse(text)
	}
	for _, command := range script.Commands {
		args := command.Args()
		for _, flag := range limits[command.Name()] {
			for i := 1; i < len(args); i++ {
				value := args[i]
				if flag != "" {
					name, inline, has := strings.Cut(args[i], "=")
					switch {
					case name != flag:
						continue
					case has:
						value = inline
					case i+1 < len(args):
						value = args[i+1]
					}
				}
				if d, valid := shell.Duration(value); valid {
					seconds, ok = max(seconds, d), true
					break
				}
			}
		}
	}
	return seconds, ok
}
