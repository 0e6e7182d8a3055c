package view

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// sliceController is the managed-by value of the controller that says when a pod terminates;
// slices of other makers may leave that condition out.
const sliceController = "endpointslice-controller.k8s.io"

// proxyName is the label by which a Service names a proxy other than kube-proxy.
const proxyName = "service.kubernetes.io/service-proxy-name"

// Look is what the slices say about one pod.
type Look struct {
	Left    []Fact // slices that hold the pod and no longer offer it
	Waiting []Fact // what must change before no kube-proxy sends to it
	Stuck   []Fact // what keeps offering it for as long as it runs
	// Families are those whose kube-proxies can know the pod: of the slices that hold it, or
	// if none does, of its addresses.
	Families []corev1.IPFamily

	// Rests names the Services whose traffic policy the look rests on, and says for each whether it
	// took the policy to be Local, see UsesLocal.
	Rests map[types.NamespacedName]bool

	services map[key]struct{}
}

// Fact is about a slice, a Service or a node.
type Fact struct{ Subject, Detail string }

// Out reports whether no kube-proxy that has programmed what was seen sends to the pod.
func (l Look) Out() bool { return len(l.Waiting) == 0 && len(l.Stuck) == 0 }

// at looks at all slices that hold p.
func (v *View) at(p Pod) Look {
	look := Look{Rests: map[types.NamespacedName]bool{}, services: map[key]struct{}{}}
	families := sets.New[corev1.IPFamily]()
	for _, slice := range v.held(p) {
		look.services[serviceOf(slice)] = struct{}{}
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		if proxied(slice) {
			families.Insert(corev1.IPFamily(slice.AddressType))
		}
		v.judgeSlice(&look, slice, p)
	}
	if len(families) == 0 {
		for _, ip := range p.IPs {
			families.Insert(familyOf(ip))
		}
	}
	look.Families = sets.List(families)
	return look
}

// proxied reports whether kube-proxy programs the slice.
func proxied(slice *discoveryv1.EndpointSlice) bool {
	_, headless := slice.Labels[corev1.IsHeadlessService]
	_, other := slice.Labels[proxyName]
	return !headless && !other
}

func (v *View) judgeSlice(look *Look, slice *discoveryv1.EndpointSlice, p Pod) {
	name := slice.Namespace + "/" + slice.Name
	owner := serviceOf(slice)
	service := v.services[owner]
	title := "Service " + owner.namespace + "/" + owner.name
	names := sets.New(p.names()...)
	left := true
	for i := range slice.Endpoints {
		endpoint := &slice.Endpoints[i]
		if !names.HasAny(holders(slice, endpoint)...) {
			continue
		}
		switch conditions := endpoint.Conditions; {
		case isReady(endpoint) && service != nil && service.Spec.PublishNotReadyAddresses:
			look.Stuck = append(look.Stuck, Fact{title, "it has publishNotReadyAddresses: it offers the pod until the pod is gone"})
			left = false
		case isReady(endpoint):
			look.Waiting = append(look.Waiting, Fact{name, "the slice still offers the pod"})
			left = false
		case slice.Labels[discoveryv1.LabelManagedBy] == sliceController && !is(conditions.Terminating):
			look.Waiting = append(look.Waiting, Fact{name, "the slice does not know yet that the pod is terminating"})
			left = false
		case slice.Labels[proxyName] != "":
			look.Stuck = append(look.Stuck, Fact{title, fmt.Sprintf("it is served by the proxy %q, which can't be asked", slice.Labels[proxyName])})
		case proxied(slice) && isServing(endpoint) && is(conditions.Terminating):
			v.judgeFallback(look, slice, service, title, p)
		}
	}
	if left {
		look.Left = append(look.Left, Fact{Subject: name, Detail: title})
	}
}

// judgeFallback finds out whether kube-proxy would send to the terminating pod because nothing else
// is ready.
func (v *View) judgeFallback(look *Look, slice *discoveryv1.EndpointSlice, service *corev1.Service, title string, p Pod) {
	local := service != nil && UsesLocal(service)
	owner := serviceOf(slice)
	look.Rests[types.NamespacedName{Namespace: owner.namespace, Name: owner.name}] = local
	for _, port := range slice.Ports {
		if port.Name == nil || port.Port == nil || *port.Port == 0 {
			continue
		}
		anywhere, onNode := v.othersReady(slice, port, p, local)
		switch {
		case !anywhere:
			look.Waiting = append(look.Waiting, Fact{title, portTitle(port) + ": no other endpoint is ready, so kube-proxy goes on sending to the pod"})
		case local && !onNode:
			look.Stuck = append(look.Stuck, Fact{title, fmt.Sprintf("%s: traffic policy Local, and no other endpoint is ready on node %s", portTitle(port), p.Node)})
		}
	}
}

// othersReady looks for ready endpoints of the same Service, family and port; for one on the
// pod's node only if local is set.
func (v *View) othersReady(slice *discoveryv1.EndpointSlice, port discoveryv1.EndpointPort, p Pod, local bool) (anywhere, onNode bool) {
	names := sets.New(p.names()...)
	for _, other := range v.of[serviceOf(slice)] {
		if other.AddressType != slice.AddressType || !proxied(other) || !slices.ContainsFunc(other.Ports, func(o discoveryv1.EndpointPort) bool { return samePort(o, port) }) {
			continue
		}
		for i := range other.Endpoints {
			endpoint := &other.Endpoints[i]
			if !isReady(endpoint) || len(endpoint.Addresses) == 0 || names.HasAny(holders(other, endpoint)...) {
				continue
			}
			anywhere = true
			onNode = onNode || endpoint.NodeName != nil && *endpoint.NodeName == p.Node
			if onNode || !local {
				return anywhere, onNode
			}
		}
	}
	return anywhere, onNode
}

func samePort(a, b discoveryv1.EndpointPort) bool {
	return a.Name != nil && *a.Name == *b.Name && a.Port != nil && *a.Port != 0 && protocol(a) == protocol(b)
}

func protocol(port discoveryv1.EndpointPort) corev1.Protocol {
	if port.Protocol == nil {
		return corev1.ProtocolTCP
	}
	return *port.Protocol
}

func portTitle(port discoveryv1.EndpointPort) string {
	if *port.Name != "" {
		return "port " + *port.Name
	}
	return fmt.Sprintf("port %d", *port.Port)
}

// UsesLocal reports whether any traffic of the Service goes only to endpoints on the node that it
// arrived at.
func UsesLocal(service *corev1.Service) bool {
	spec := service.Spec
	if spec.InternalTrafficPolicy != nil && *spec.InternalTrafficPolicy == corev1.ServiceInternalTrafficPolicyLocal {
		return true
	}
	return spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal &&
		(spec.Type == corev1.ServiceTypeNodePort || spec.Type == corev1.ServiceTypeLoadBalancer || len(spec.ExternalIPs) > 0)
}

func isReady(e *discoveryv1.Endpoint) bool { return e.Conditions.Ready == nil || *e.Conditions.Ready }
func isServing(e *discoveryv1.Endpoint) bool {
	return e.Conditions.Serving == nil || *e.Conditions.Serving
}
func is(b *bool) bool { return b != nil && *b }

func familyOf(ip string) corev1.IPFamily {
	for _, c := range ip {
		if c == ':' {
			return corev1.IPv6Protocol
		}
	}
	return corev1.IPv4Protocol
}
