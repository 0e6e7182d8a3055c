package workload

import (
	"strings"

	"github.com/lameduck-dev/lameduck/manifest"
)

// Service is a Service and the workloads that it selects.
type Service struct {
	*manifest.Object
	Selector  *manifest.Node
	Workloads []*Workload
	Routes    []*manifest.Object // the Ingresses and Gateway routes that lead to it
	Input     *Set

	Headless    bool // it has no address that its pods share: clusterIP None, or for a single pod
	MetricsOnly bool // all its ports are for scraping
}

func newService(o *manifest.Object, in *Set) *Service {
	selector := o.Spec("selector")
	return &Service{
		Object: o, Selector: selector, Input: in,
		Headless:    o.Spec("clusterIP").Str() == "None" || selector.Get(podNameLabel) != nil,
		MetricsOnly: metricsOnly(o.Spec("ports")),
	}
}

// ports that carry no user's request: a lost scrape is repeated.
var metricsNames = []string{"metrics", "prometheus", "monitoring", "telemetry", "exporter", "pprof", "debug"}

func metricsOnly(ports *manifest.Node) bool {
	if ports.Len() == 0 {
		return false
	}
	for p := range ports.All() {
		if !isMetrics(p.Get("name").Str()) && !isMetrics(p.Get("targetPort").Str()) {
			return false
		}
	}
	return true
}

func isMetrics(name string) bool {
	for _, m := range metricsNames {
		if strings.Contains(name, m) {
			return true
		}
	}
	return false
}

// TargetPort is what a port of the Service leads to: a name or a number.
func TargetPort(port *manifest.Node) *manifest.Node {
	if t := port.Get("targetPort"); t.Set() {
		return t
	}
	return port.Get("port")
}

// Reaches reports whether one of the Service's ports leads to the container.
// A number that no container declares leads to the only main container.
func (s *Service) Reaches(c *Container) bool {
	for p := range s.Spec("ports").All() {
		port := TargetPort(p)
		target := port.Str()
		if target == "" || isMetrics(p.Get("name").Str()) || isMetrics(target) {
			continue
		}
		if c.Port(target) != nil {
			return true
		}
		if len(c.Pod.Containers) > 1 {
			continue
		}
		if port.Style == manifest.Plain && target[0] <= '9' && !c.Pod.declares(target) {
			return true
		}
	}
	return false
}

// Serves reports whether a container declares that it answers requests: by a port that is not for
// metrics alone, or by a readiness probe over the network.
func (c *Container) Serves() bool {
	for p := range c.Node.Get("ports").All() {
		if !isMetrics(p.Get("name").Str()) {
			return true
		}
	}
	return c.Readiness != nil && c.Readiness.Exec == nil
}

// declares reports whether any running container names the port.
func (w *Workload) declares(port string) bool {
	for _, c := range w.Running() {
		if c.Port(port) != nil {
			return true
		}
	}
	return false
}

// PDB is a PodDisruptionBudget and the workloads that it selects.
type PDB struct {
	*manifest.Object
	Selector  *manifest.Node
	Workloads []*Workload
}

// HPA is an autoscaler (HorizontalPodAutoscaler, KEDA's ScaledObject) and the
// workload that it scales, if that is in the input.
type HPA struct {
	*manifest.Object
	Workload *Workload
}

// Min is the least number of replicas: 1 by default, 0 for a ScaledObject.
func (h *HPA) Min() (n int64, at *manifest.Node) {
	field, absent := "minReplicas", int64(1)
	if h.Kind == "ScaledObject" {
		field, absent = "minReplicaCount", 0
	}
	at = h.Spec(field)
	return at.IntOr(absent), at
}

// Max is the greatest number of replicas; 100 where a ScaledObject sets none.
func (h *HPA) Max() int64 {
	if h.Kind == "ScaledObject" {
		return h.Spec("maxReplicaCount").IntOr(100)
	}
	return h.Spec("maxReplicas").IntOr(0)
}

// Target is the kind and name of what is scaled.
func (h *HPA) Target() (kind, name string) {
	ref := h.Spec("scaleTargetRef")
	kind = ref.Get("kind").Str()
	if kind == "" {
		kind = "Deployment"
	}
	return kind, ref.Get("name").Str()
}

// routeKinds are the objects that lead requests to Services.
var routeKinds = []string{"Ingress", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"}

// backends calls see with the namespace and name of every Service that a
// route leads to.
func backends(route *manifest.Object, see func(namespace, name string)) {
	if route.Kind == "Ingress" {
		see(route.Namespace, route.Spec("defaultBackend", "service", "name").Str())
		for rule := range route.Spec("rules").All() {
			for p := range rule.Get("http", "paths").All() {
				see(route.Namespace, p.Get("backend", "service", "name").Str())
			}
		}
		return
	}
	for rule := range route.Spec("rules").All() {
		for ref := range rule.Get("backendRefs").All() {
			namespace := ref.Get("namespace").Str()
			if namespace == "" {
				namespace = route.Namespace
			}
			see(namespace, ref.Get("name").Str())
		}
	}
}
