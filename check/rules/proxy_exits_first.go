package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// outboundProxies carry an application's own requests, end at once on
// SIGTERM by default, and can be told by a flag to wait.
var outboundProxies = []struct{ image, flag string }{
	{"cloud-sql-connectors/cloud-sql-proxy", "max-sigterm-delay"},
	{"cloudsql-docker/gce-proxy", "term_timeout"},
	{"alloydb-connectors/alloydb-auth-proxy", "max-sigterm-delay"},
}

var proxyExitsFirst = &check.Rule{
	Name: "proxy-exits-first", Family: "sidecars",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The application's proxy is gone while it still finishes its requests",
	Why: "All main containers get SIGTERM together, and a proxy without a hook ends at once. The requests that the application is still " +
		"answering, during its own preStop wait too, find their way to the database closed.",
	Remedy: "Make the proxy a native sidecar (an init container with restartPolicy: Always), which stops after the application, or give it the flag that delays its end.",
	Source: "https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Finite() || len(w.Containers) < 2 {
			return
		}
		for _, c := range w.Containers {
			for _, proxy := range outboundProxies {
				if !strings.HasSuffix(c.ImageRepo(), proxy.image) || c.PreStop != nil || delayed(c, proxy.flag) {
					continue
				}
				p.Report(w.Object, c.Node.Get("name"), "container %s ends on SIGTERM at once, beside the application that needs it", c.Name).
					Do("Make it a native sidecar (an init container with restartPolicy: Always), or add --%s as long as the application's stop.", proxy.flag)
			}
		}
	},
}

// delayed reports whether the proxy is told to wait, by flag or by the
// variable of that name.
func delayed(c *workload.Container, flag string) bool {
	if _, _, ok := c.Flag(flag); ok {
		return true
	}
	name := strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	for e := range c.Node.Get("env").All() {
		if strings.HasSuffix(e.Get("name").Str(), name) {
			return true
		}
	}
	return false
}
