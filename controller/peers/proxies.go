package peers

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/router"
)

// programs are known by a container's name, or by the end of its image's path. A proxy, here, gets
// the addresses of pods from a control plane, so its own ServiceAccount need not be allowed to read
// them. A proxy that is configured with a Service's name is an ordinary client.
var programs = map[termination.PeerClass][]string{
	termination.PeerProxy: {
		"envoy", "envoy-distroless", "proxyv2", "istio-proxy", "ztunnel", "cilium-envoy",
		"linkerd-proxy", "consul-dataplane", "kuma-dp", "kuma-sidecar", "daprd", "mosn",
		"nginx-gateway-fabric/nginx", "nginx-gateway-fabric/nginx-plus",
		"kong", "kong-gateway", "apisix", "gateway/higress", "higress-gateway", "queue-proxy", "activator",
	},
	termination.PeerScraper: {
		"prometheus", "vmagent", "vmsingle", "alloy", "grafana-agent", "otelcol", "opentelemetry-collector",
		"opentelemetry-collector-contrib", "opentelemetry-collector-k8s", "telegraf", "metricbeat",
	},
}

// ambient marks a pod whose traffic a mesh takes over outside of its containers.
var ambient = map[string]string{
	"ambient.istio.io/redirection": "enabled",
}

// mark is the annotation in which Mark leaves a pod's class. What the pod's author wrote there is
// overwritten.
const mark = "peer.lameduck.dev/class"

// Mark notes in slim, a cache's copy of a pod, what the pod's containers say about its class.
func Mark(slim, pod *corev1.Pod) {
	class := ClassOf(pod)
	delete(slim.Annotations, mark)
	if class == termination.PeerUnknown {
		return
	}
	if slim.Annotations == nil {
		slim.Annotations = map[string]string{}
	}
	slim.Annotations[mark] = string(class)
}

// Describe gives what is known about a pod that was marked.
func Describe(pod *corev1.Pod) Pod {
	account := pod.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	return Pod{pod.Namespace, pod.Name, account, termination.PeerClass(pod.Annotations[mark])}
}

// ClassOf is the class that a pod's containers show; PeerUnknown if they show none. A proxy beside
// a scraper is a proxy.
func ClassOf(pod *corev1.Pod) termination.PeerClass {
	if Ambient(pod) {
		return termination.PeerProxy
	}
	class := termination.PeerUnknown
	for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		switch {
		case IsProxy(c):
			return termination.PeerProxy
		case runs(c, termination.PeerScraper):
			class = termination.PeerScraper
		}
	}
	return class
}

// Ambient reports whether a mesh takes a pod's traffic over outside of its containers.
func Ambient(pod *corev1.Pod) bool {
	for key, value := range ambient {
		if pod.Annotations[key] == value {
			return true
		}
	}
	return false
}

// IsProxy reports whether a container runs a proxy that gets the addresses of pods from a control plane.
func IsProxy(c corev1.Container) bool { return runs(c, termination.PeerProxy) }

func runs(c corev1.Container, class termination.PeerClass) bool {
	return slices.ContainsFunc(programs[class], func(program string) bool { return router.Runs(&c, program) })
}
