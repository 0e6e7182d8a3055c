package rules

import (
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// istioDrainDefault is terminationDrainDuration and MINIMUM_DRAIN_DURATION where
// neither is set, in seconds (Istio, mesh configuration).
const istioDrainDefault = 5

const istioConfig = "proxy.istio.io/config"

var istioDrain = &check.Rule{
	Name: "istio-drain", Family: "sidecars",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Istio's proxy does not live as long as the application's stop",
	Why: "Unless it is a native sidecar (the default from Istio 1.27 on), the proxy gets SIGTERM at once. It drains for terminationDrainDuration (5 s by default), or with " +
		"EXIT_ON_ZERO_ACTIVE_CONNECTIONS leaves in the first quiet moment after MINIMUM_DRAIN_DURATION, and is gone while the application is " +
		"still in its preStop wait. A drain longer than the grace period is cut by SIGKILL.",
	Remedy: "Use native sidecars (annotation sidecar.istio.io/nativeSidecar: \"true\"), or set terminationDrainDuration or MINIMUM_DRAIN_DURATION " +
		"in proxy.istio.io/config to at least the application's wait.",
	Source: "https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig",
	Workload: func(p *check.Pass, w *workload.Workload) {
		grace, _ := w.Grace()
		config := w.PodAnnotation(istioConfig)
		if drain, explicit := istioDrains(w); explicit && drain > grace && !istioOff(w) {
			p.Report(w.Object, config, "the proxy drains for %d s, the grace period is %d s", drain, grace).As(findings.Warning, findings.Certain)
			return
		}
		m, ok := istioOf(w)
		if !ok || heldInManifest(w, m.name) {
			return
		}
		wait, c := longestHold(w)
		if c == nil || wait <= m.gone {
			return
		}
		what := "leaves after"
		if istioLeavesQuiet(w) {
			what = "may leave after"
		}
		d := p.Report(w.Object, m.at, "the proxy %s %d s, container %s %s", what, m.gone, c.Name, waitsFor(c, min(wait, grace)))
		if !m.sure {
			d.As(findings.Warning, findings.Possible)
		}
	},
}

// istioOff reports whether the pods are kept out of the mesh.
func istioOff(w *workload.Workload) bool {
	return w.PodAnnotation("sidecar.istio.io/inject").Str() == "false" || w.Label("sidecar.istio.io/inject").Str() == "false"
}

// istioOf is Istio's proxy where the input says that it is injected, and does
// not say that it is a native sidecar. It is sure of one whose drain is
// configured: native sidecars need none.
func istioOf(w *workload.Workload) (meshProxy, bool) {
	if istioOff(w) || w.PodAnnotation("sidecar.istio.io/nativeSidecar").Str() == "true" {
		return meshProxy{}, false
	}
	m := meshProxy{name: "istio-proxy", gone: istioDrainDefault, raise: istioConfig}
	drain, explicit := istioDrains(w)
	config := w.PodAnnotation(istioConfig)
	switch {
	case istioLeavesQuiet(w):
		m.at, m.sure = config, true
		if d, ok := duration(istioSettings(w).Get("proxyMetadata", "MINIMUM_DRAIN_DURATION").Str(), time.Second); ok {
			m.gone = ceil(d.Seconds())
		}
	case explicit:
		m.gone, m.at, m.sure = drain, config, true
	default:
		m.at = w.Label("sidecar.istio.io/inject")
		if m.at == nil {
			m.at = w.PodAnnotation("sidecar.istio.io/inject")
		}
		ns := w.Input.Find(w.Object, "Namespace", "", w.Namespace)
		if m.at == nil && (ns == nil || ns.Root.Get("metadata", "labels", "istio-injection").Str() != "enabled") {
			return meshProxy{}, false
		}
		m.sure = w.PodAnnotation("sidecar.istio.io/nativeSidecar").Str() == "false"
	}
	return m, true
}

// istioSettings is the proxy's configuration in the pod's annotation.
func istioSettings(w *workload.Workload) *manifest.Node {
	config := w.PodAnnotation(istioConfig)
	if config.Str() == "" {
		return nil
	}
	settings, err := manifest.ParseValue(config.Str())
	if err != nil {
		return nil
	}
	return settings
}

func istioDrains(w *workload.Workload) (seconds int64, explicit bool) {
	d, ok := duration(istioSettings(w).Get("terminationDrainDuration").Str(), time.Second)
	return ceil(d.Seconds()), ok
}

// istioLeavesQuiet reports whether the proxy ends in the first quiet moment.
func istioLeavesQuiet(w *workload.Workload) bool {
	return strings.EqualFold(istioSettings(w).Get("proxyMetadata", "EXIT_ON_ZERO_ACTIVE_CONNECTIONS").Str(), "true")
}

// wholeSeconds reads 20, 20s, 1m, rounded up; 0 for anything else.
func wholeSeconds(s string) int64 {
	d, ok := duration(s, time.Second)
	if !ok {
		return 0
	}
	return ceil(d.Seconds())
}
