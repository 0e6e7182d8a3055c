package inject

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/lameduck-dev/lameduck/workload/balancer"
)

// Behind is a load balancer outside the cluster, and the pods that it sends to.
type Behind struct {
	Selector map[string]string // of the Service that leads to them
	Of       string            // the object that asks for it: "Service web"
	balancer.Balancer
}

// Serve takes in the Services and Ingresses of the pod's namespace: which give out addresses by DNS, and
// which load balancers they ask for, as far as their own annotations tell.
func (around *Surroundings) Serve(services []corev1.Service, ingresses []networkingv1.Ingress) {
	selectors := map[string]map[string]string{}
	for i := range services {
		service := &services[i]
		if len(service.Spec.Selector) == 0 {
			continue
		}
		selectors[service.Name] = service.Spec.Selector
		if service.Spec.ClusterIP == corev1.ClusterIPNone {
			around.Headless = append(around.Headless, service.Spec.Selector)
		}
		found, ok := balancer.Of(balancer.Object{
			Kind: "Service", Class: value(service.Spec.LoadBalancerClass), External: service.Spec.Type == corev1.ServiceTypeLoadBalancer,
			Local:      service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
			Annotation: func(key string) string { return service.Annotations[key] },
		})
		if ok {
			around.Balancers = append(around.Balancers, Behind{service.Spec.Selector, "Service " + service.Name, found})
		}
	}
	for i := range ingresses {
		ingress := &ingresses[i]
		found, ok := balancer.Of(balancer.Object{
			Kind: "Ingress", Class: value(ingress.Spec.IngressClassName),
			Annotation: func(key string) string { return ingress.Annotations[key] },
		})
		if !ok {
			continue
		}
		for _, name := range backends(ingress) {
			if selector := selectors[name]; selector != nil {
				around.Balancers = append(around.Balancers, Behind{selector, "Ingress " + ingress.Name, found})
			}
		}
	}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// backends are the names of the Services that an Ingress leads to, each once.
func backends(ingress *networkingv1.Ingress) []string {
	var names []string
	add := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil {
			names = append(names, b.Service.Name)
		}
	}
	add(ingress.Spec.DefaultBackend)
	for _, rule := range ingress.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for i := range rule.HTTP.Paths {
			add(&rule.HTTP.Paths[i].Backend)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// slowest is the load balancer that may send to the pod for longest; nil if none may.
func slowest(pod *corev1.Pod, all []Behind) *Behind {
	var found []Behind
	for _, one := range all {
		if labels.SelectorFromSet(one.Selector).Matches(labels.Set(pod.Labels)) {
			found = append(found, one)
		}
	}
	for _, gate := range pod.Spec.ReadinessGates {
		if b, ok := balancer.OfGate(string(gate.ConditionType)); ok {
			found = append(found, Behind{Of: "readiness gate " + string(gate.ConditionType), Balancer: b})
		}
	}
	if len(found) == 0 {
		return nil
	}
	most := slices.MaxFunc(found, func(a, b Behind) int { return cmp.Compare(a.Bound(), b.Bound()) })
	return &most
}

// outsideNeeds is how long the policy's load balancer may take to stop.
func outsideNeeds(policy *Policy) time.Duration {
	if policy.Behind == nil {
		return 0
	}
	return policy.Behind.Bound()
}
