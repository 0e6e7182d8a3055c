package rules

import (
	"math"
	"strconv"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
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
						d.Fix(manifest.Put(probe.Node, "timeoutSeconds", strconv.FormatInt(ceil(limit)+1, 10)))
					}
				}
			}
		}
	},
}

// ownLimit is the time that a probe's command bounds itself to, in seconds.
func ownLimit(argv []string) (seconds float64, ok bool) {
	t := shell.Read(argv, nil).Time
	return t.Max, t.Max > 0 && !math.IsInf(t.Max, 1)
}
