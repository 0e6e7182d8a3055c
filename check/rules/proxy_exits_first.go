package rules

import (
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// outboundProxies carry an application's own requests and end at once on SIGTERM
// by default, or after drain seconds. A flag can tell some of them to wait.
var outboundProxies = []struct {
	image, flag string
	drain       int64
}{
	{"cloud-sql-connectors/cloud-sql-proxy", "max-sigterm-delay", 0},
	{"cloudsql-docker/gce-proxy", "term_timeout", 0},
	{"alloydb-connectors/alloydb-auth-proxy", "max-sigterm-delay", 0},
	{"istio/proxyv2", "", istioDrainDefault},
	{"linkerd/proxy", "", 0},
	{"envoyproxy/envoy", "", 0},
	{"dapr/daprd", "dapr-block-shutdown-duration", 0},
}

var proxyExitsFirst = &check.Rule{
	Name: "proxy-exits-first", Family: "sidecars",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The application's proxy is gone while it still finishes its requests",
	Why: "All main containers get SIGTERM together, and a proxy without a hook ends at once. The requests that the application is still " +
		"answering, even during its own preStop wait, can no longer reach the database.",
	Remedy: "Make the proxy a native sidecar (an init container with restartPolicy: Always), which stops after the application, or give it the flag that delays its end.",
	Source: "https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Finite() || len(w.Containers) < 2 {
			return
		}
		for _, c := range w.Containers {
			for _, proxy := range outboundProxies {
				if !strings.HasSuffix(c.ImageRepo(), proxy.image) || c.PreStop != nil || proxy.flag != "" && delayed(c, proxy.flag) || receives(c) {
					continue
				}
				wait, waiting := longestHold(w)
				switch {
				case proxy.flag != "" && proxy.drain == 0:
					p.Report(w.Object, c.Node.Get("name"), "container %s ends on SIGTERM at once, beside the application that needs it", c.Name).
						Do("Make it a native sidecar (an init container with restartPolicy: Always), or add --%s as long as the application's stop.", proxy.flag)
				case waiting != nil && wait > proxy.drain:
					grace, _ := w.Grace()
					p.Report(w.Object, c.Node.Get("name"), "container %s stops %d s after SIGTERM, container %s %s", c.Name, proxy.drain, waiting.Name, waitsFor(waiting, min(wait, grace))).
						As(findings.Warning, findings.Likely).
						Do("Make it a native sidecar (an init container with restartPolicy: Always), or give it a preStop hook that waits as long as the application's.")
				}
			}
		}
	},
}

// receives reports whether a Service leads to the container: then no-prestop is about it.
func receives(c *workload.Container) bool {
	return slices.ContainsFunc(c.Pod.Serving, func(s *workload.Service) bool { return s.Reaches(c) })
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
