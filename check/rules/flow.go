package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/registry/caches"
	dubboqos "github.com/lameduck-dev/lameduck/registry/dubbo"
	"github.com/lameduck-dev/lameduck/registry/eureka"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/balancer"
)

// router is something that sends to the pods, and how long it was seen to go on after a pod began
// to leave, in seconds. The rules and the timeline both take it from here, so that they agree.
type router struct {
	name    string
	seconds int64
	note    string
	service *workload.Service // by which it finds the pods; nil for a registry's consumers
}

// How long routers were seen to go on sending, in seconds.
const (
	kubeProxyTime = 1
	ingressTime   = 2
	balancerTime  = int64(balancer.Learns / time.Second)
	dnsTime       = 30
)

// routersOf are the routers that the input shows.
func routersOf(w *workload.Workload) []router {
	var out []router
	if len(w.Serving) > 0 {
		out = append(out, router{"kube-proxy", kubeProxyTime, "1 s at rest, 10 to 25 s seen at 5,000 nodes", w.Serving[0]})
	}
	var headless, routed, balanced *router
	for _, s := range w.Services {
		if s.Headless {
			headless = &router{"DNS", dnsTime, "TTL 5 s by default, 30 s as kubeadm sets it up", s}
		}
		if b := balancerOf(s); b != nil && (balanced == nil || b.seconds > balanced.seconds) {
			balanced = b
		}
		if len(s.Routes) > 0 {
			routed = &router{"ingress or gateway", ingressTime, "watches the same EndpointSlices; each reloads in its own time", s}
		}
	}
	if balanced != nil {
		routed = nil
	}
	for _, r := range []*router{headless, routed, balanced} {
		if r != nil {
			out = append(out, *r)
		}
	}
	for _, c := range w.Containers {
		registry, _, ok := registered(c)
		if !ok {
			continue
		}
		stale := router{registry.name + "'s consumers", seconds(caches.Spring.Seen), "the default cache of Spring Cloud LoadBalancer", nil}
		switch registry.name {
		case "Eureka":
			stale = router{"Eureka's consumers", seconds(eureka.Kind.Caches.Seen), fmt.Sprintf("22 to 58 s seen, %d s at worst", seconds(eureka.Kind.Caches.Most)), nil}
		case dubbo:
			stale = router{"Dubbo's consumers", seconds(dubboqos.Kind.Caches.Seen), "1 to 3 s seen", nil}
		}
		if onlyWaits(c.PreStop) {
			wait, _ := c.PreStop.Wait()
			stale.seconds += wait
			stale.note += "; told only after SIGTERM"
		}
		return append(out, stale)
	}
	return out
}

// balancerOf is the load balancer that sends to a Service's pods or their
// nodes, nil for none.
func balancerOf(s *workload.Service) *router {
	var slowest *router
	external := s.Spec("type").Str() == "LoadBalancer"
	for _, b := range balancersOf(s) {
		if b.Sends() == 0 && !external {
			continue // kube-proxy cuts it off
		}
		took := max(balancerTime, seconds(b.Sends()))
		if slowest == nil || took > slowest.seconds {
			slowest = &router{b.Name, took, b.whySoLong(), s}
		}
	}
	if slowest == nil && external {
		return &router{"load balancer", balancerTime, balancerSeen, s}
	}
	return slowest
}

// meshProxy is a proxy that a mesh injects beside the containers, and that
// stops by itself.
type meshProxy struct {
	name  string
	gone  int64          // seconds after the pod's deletion at which it refuses
	at    *manifest.Node // what says so; nil if that is not in the workload
	sure  bool           // that it is not a native sidecar
	raise string         // how to keep it longer
}

// meshOf is the proxy that the input says is injected into the pods, at its
// defaults or as it is configured; false for none, for a native sidecar, and
// for one that the manifest itself holds up.
func meshOf(w *workload.Workload) (meshProxy, bool) {
	m, ok := injectedMesh(w)
	return m, ok && !heldInManifest(w, m.name)
}

// heldInManifest reports whether the pod's own manifest has the proxy as a
// native sidecar, or with a hook: a mesh injects none beside it.
func heldInManifest(w *workload.Workload, name string) bool {
	named := func(c *workload.Container) bool { return c.Name == name }
	return slices.ContainsFunc(w.Sidecars, named) ||
		slices.ContainsFunc(w.Containers, func(c *workload.Container) bool { return named(c) && c.PreStop != nil })
}

func injectedMesh(w *workload.Workload) (meshProxy, bool) {
	if value, at := opted(w, "linkerd.io/inject"); value == "enabled" || value == "ingress" {
		if w.PodAnnotation("config.alpha.linkerd.io/proxy-enable-native-sidecar").Str() == "true" || w.PodAnnotation("config.beta.linkerd.io/proxy-enable-native-sidecar").Str() == "true" {
			return meshProxy{}, false
		}
		m := meshProxy{"linkerd-proxy", 0, at, false, "config.alpha.linkerd.io/proxy-wait-before-exit-seconds"}
		if n := w.PodAnnotation(m.raise); n != nil {
			m.gone, m.at = wholeSeconds(n.Str()), n
		}
		return m, true
	}
	if at := w.PodAnnotation("dapr.io/enabled"); at.Str() == "true" {
		m := meshProxy{"daprd", 0, at, false, "dapr.io/block-shutdown-duration"}
		if n := w.PodAnnotation(m.raise); n != nil {
			m.gone, m.at = wholeSeconds(n.Str()), n
		}
		return m, true
	}
	return istioOf(w)
}

// opted is the annotation by which a pod or its namespace asks for injection,
// and its place if that is in the workload's own object.
func opted(w *workload.Workload, key string) (value string, at *manifest.Node) {
	if n := w.PodAnnotation(key); n != nil {
		return n.Str(), n
	}
	if ns := w.Input.Find(w.Object, "Namespace", "", w.Namespace); ns != nil {
		return ns.Annotation(key), nil
	}
	return "", nil
}
