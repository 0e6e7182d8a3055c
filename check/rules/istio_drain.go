package rules

import (
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// istioDrainDefault is terminationDrainDuration and MINIMUM_DRAIN_DURATION where
// neither is set, in seconds (Istio, mesh configuration).
const istioDrainDefault = 5

var istioDrain = &check.Rule{
	Name: "istio-drain", Family: "sidecars",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Istio's proxy does not live as long as the application's stop",
	Why: "Unless it is a native sidecar, the proxy gets SIGTERM at once. It drains for terminationDrainDuration (5 s by default), or with " +
		"EXIT_ON_ZERO_ACTIVE_CONNECTIONS leaves in the first quiet moment after MINIMUM_DRAIN_DURATION, and is gone while the application is " +
		"still in its preStop wait. A drain longer than the grace period is cut by SIGKILL.",
	Remedy: "Use native sidecars (annotation sidecar.istio.io/nativeSidecar: \"true\"), or set terminationDrainDuration or MINIMUM_DRAIN_DURATION " +
		"in proxy.istio.io/config to at least the application's wait.",
	Source: "https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig",
	Workload: func(p *check.Pass, w *workload.Workload) {
		config := w.PodAnnotation("proxy.istio.io/config")
		if w.PodAnnotation("sidecar.istio.io/inject").Str() == "false" || w.Label("sidecar.istio.io/inject").Str() == "false" || config.Str() == "" {
			return
		}
		settings, err := workload.ParseValue(config.Str())
		if err != nil {
			return
		}
		drain, explicit := istioDrainDefault, false
		if d, ok := duration(settings.Get("terminationDrainDuration").Str(), time.Second); ok {
			drain, explicit = int(ceil(d.Seconds())), true
		}
		grace, _ := w.Grace()
		wait, c := w.LongestWait()
		native := w.PodAnnotation("sidecar.istio.io/nativeSidecar").Str() == "true"
		onZero := strings.EqualFold(settings.Get("proxyMetadata", "EXIT_ON_ZERO_ACTIVE_CONNECTIONS").Str(), "true")
		least := int64(istioDrainDefault)
		if d, ok := duration(settings.Get("proxyMetadata", "MINIMUM_DRAIN_DURATION").Str(), time.Second); ok {
			least = ceil(d.Seconds())
		}
		switch {
		case onZero && !native && c != nil && wait > least:
			p.Report(w.Object, config, "the proxy may leave after %d s, container %s waits %d s", least, c.Name, wait)
		case onZero:
		case explicit && int64(drain) > grace:
			p.Report(w.Object, config, "the proxy drains for %d s, the grace period is %d s", drain, grace).As(findings.Warning, findings.Certain)
		case explicit && !native && c != nil && wait > int64(drain):
			p.Report(w.Object, config, "the proxy leaves after %d s, container %s waits %d s", drain, c.Name, wait)
		}
	},
}
