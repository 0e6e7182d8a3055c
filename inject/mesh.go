package inject

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const istioProxy = "istio-proxy"

// meshProxies are containers through which a mesh has all requests of the pod come and go. As plain
// containers they get SIGTERM when the pod is deleted, so each needs the hook as the application does,
// whatever else is hooked. Native sidecars outlive it by themselves.
var meshProxies = []string{istioProxy, "linkerd-proxy", "consul-dataplane", "kuma-sidecar", "daprd"}

func isMeshProxy(container string) bool { return slices.Contains(meshProxies, container) }

// istioConfig is the pod's part of the proxy's configuration. Istio's agent reads it when it starts,
// so it counts in a pod that Istio injected first, too.
const istioConfig = "proxy.istio.io/config"

// istioDrain is what Istio's proxy does at its SIGTERM.
type istioDrain struct {
	Duration string            `json:"terminationDrainDuration"`
	Metadata map[string]string `json:"proxyMetadata"`
}

const exitWhenIdle = "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"

// istioDrainDefault is terminationDrainDuration where nobody sets it.
const istioDrainDefault = 5 * time.Second

// meshDrain has Istio's proxy drain for as long as the application may take from its own hook to its
// exit: both get SIGTERM after the same wait, and what the application still answers or asks goes
// through the proxy. It gives the annotation to set, if nobody, not even the mesh's configuration, says
// how the proxy is to end; else what is too short about that.
func meshDrain(pod *corev1.Pod, plans []plan, stop time.Duration) (value, warning string) {
	i := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == istioProxy })
	if i < 0 || !plans[i].hook {
		return "", ""
	}
	needs := stop
	for _, p := range plans {
		if p.hook && !isMeshProxy(p.name) {
			needs = max(needs, stop+p.own.takes)
		}
	}
	needs = wholeSeconds(needs)
	if needs <= istioDrainDefault {
		return "", ""
	}
	annotation, annotated := pod.Annotations[istioConfig]
	texts := []string{annotation}
	for _, env := range pod.Spec.Containers[i].Env {
		switch env.Name {
		case "PROXY_CONFIG": // the mesh's
			texts = append(texts, env.Value)
		case exitWhenIdle:
			return "", ""
		}
	}
	for _, text := range texts {
		var set istioDrain
		if err := yaml.Unmarshal([]byte(text), &set); err != nil {
			return "", "" // Istio will say what is wrong with it
		}
		if _, idle := set.Metadata[exitWhenIdle]; idle {
			return "", ""
		}
		if set.Duration == "" {
			continue
		}
		if own, err := time.ParseDuration(set.Duration); err == nil && own < needs {
			return "", tooShort(set.Duration, needs)
		}
		return "", ""
	}
	if annotated {
		return "", tooShort(istioDrainDefault.String()+" by default", needs)
	}
	return "terminationDrainDuration: " + needs.String(), ""
}

func tooShort(drains string, needs time.Duration) string {
	return fmt.Sprintf("istio-proxy drains for %s after its SIGTERM, and the application may take %v to stop: set terminationDrainDuration: %v in annotation %s", drains, needs, needs, istioConfig)
}
