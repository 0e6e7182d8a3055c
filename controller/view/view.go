// Package view keeps what was seen of Services and EndpointSlices, and derives whether any
// kube-proxy that has programmed it still sends to a pod.
//
// It follows the rules of kube-proxy (pkg/proxy/topology.go, CategorizeEndpoints, in
// Kubernetes 1.34): ready endpoints are used; where there is none, those that are serving and
// terminating, and this is decided by itself for traffic of policy Local on each node. So a
// pod is out only while another endpoint is ready in its place.
package view

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// key names a Service or a slice.
type key struct{ namespace, name string }

// Pod is the pod in question.
type Pod struct {
	Namespace, Name, UID, Node string
	IPs                        []string
}

// View is fed by informers, which call it one after another for each kind.
type View struct {
	mu       sync.Mutex
	services map[key]*corev1.Service
	slices   map[key]*discoveryv1.EndpointSlice
	of       map[key]map[key]*discoveryv1.EndpointSlice // by Service
	holding  map[string]map[key]struct{}                // slices by the pods in them
	versions map[string]uint64                          // by namespace, the highest seen
	listed   uint64                                     // of the last list; 0: none was told
	opaque   string                                     // a resourceVersion that is not a number, if one was seen
	watches  map[string]map[*Watch]struct{}             // by namespace
	barrier  string                                     // the namespace of the barrier's own slices
	marks    marks
}

// New gives an empty View. It finds no pod out before Listed was called. barrier is the namespace of
// the barrier's own slices: they hold no pod, and mark how far the stream has come.
func New(barrier string) *View {
	return &View{
		barrier:  barrier,
		services: map[key]*corev1.Service{},
		slices:   map[key]*discoveryv1.EndpointSlice{},
		of:       map[key]map[key]*discoveryv1.EndpointSlice{},
		holding:  map[string]map[key]struct{}{},
		versions: map[string]uint64{},
		watches:  map[string]map[*Watch]struct{}{},
	}
}

// SetService takes in a Service as it now is.
func (v *View) SetService(service *corev1.Service) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := key{service.Namespace, service.Name}
	v.services[k] = service
	v.tellWatches(k)
}

// DropService takes in that a Service is gone.
func (v *View) DropService(namespace, name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := key{namespace, name}
	delete(v.services, k)
	v.tellWatches(k)
}

// SetSlice takes in a slice as it now is, in the stream's order.
func (v *View) SetSlice(slice *discoveryv1.EndpointSlice) {
	if slice.Namespace == v.barrier {
		if version, err := strconv.ParseUint(slice.ResourceVersion, 10, 64); err == nil {
			v.Mark(slice.Name, version)
		}
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	k := key{slice.Namespace, slice.Name}
	v.unlink(k)
	v.slices[k] = slice
	service := serviceOf(slice)
	if v.of[service] == nil {
		v.of[service] = map[key]*discoveryv1.EndpointSlice{}
	}
	v.of[service][k] = slice
	for i := range slice.Endpoints {
		for _, holder := range holders(slice, &slice.Endpoints[i]) {
			if v.holding[holder] == nil {
				v.holding[holder] = map[key]struct{}{}
			}
			v.holding[holder][k] = struct{}{}
		}
	}
	v.sawSlice(slice)
	v.tellWatches(service)
}

// DropSlice takes in that a slice was deleted.
func (v *View) DropSlice(slice *discoveryv1.EndpointSlice) {
	if slice.Namespace == v.barrier {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unlink(key{slice.Namespace, slice.Name})
	v.sawSlice(slice)
	v.tellWatches(serviceOf(slice))
}

// Listed says that a list of all slices was read, at version, and follows in the stream. A list does
// not tell what happened since the one before, so nothing counts as without a break up to version.
// It must be called before any slice of the list is told.
func (v *View) Listed(version string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.listed = max(v.listed, v.number(version))
	for _, watches := range v.watches {
		for w := range watches {
			w.since = max(w.since, v.listed)
			w.wake()
		}
	}
}

func (v *View) unlink(k key) {
	slice := v.slices[k]
	if slice == nil {
		return
	}
	service := serviceOf(slice)
	for w := range v.watches[k.namespace] {
		if v.holds(service, w) {
			w.services[service] = struct{}{}
		}
	}
	if delete(v.of[service], k); len(v.of[service]) == 0 {
		delete(v.of, service)
	}
	for i := range slice.Endpoints {
		for _, holder := range holders(slice, &slice.Endpoints[i]) {
			if delete(v.holding[holder], k); len(v.holding[holder]) == 0 {
				delete(v.holding, holder)
			}
		}
	}
	delete(v.slices, k)
}

func (v *View) sawSlice(slice *discoveryv1.EndpointSlice) {
	v.versions[slice.Namespace] = max(v.versions[slice.Namespace], v.number(slice.ResourceVersion))
}

// number reads a resourceVersion. Every API server of Kubernetes counts; with another, nothing can
// be said of what came before what.
func (v *View) number(version string) uint64 {
	number, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		v.opaque = version
	}
	return number
}

func serviceOf(slice *discoveryv1.EndpointSlice) key {
	return key{slice.Namespace, slice.Labels[discoveryv1.LabelServiceName]}
}

// holders gives the names under which an endpoint's pod is found: its uid or, if the slice does not
// have that, its addresses.
func holders(slice *discoveryv1.EndpointSlice, endpoint *discoveryv1.Endpoint) []string {
	if ref := endpoint.TargetRef; ref != nil && ref.Kind == "Pod" && ref.UID != "" {
		return []string{byUID(string(ref.UID))}
	}
	names := make([]string, len(endpoint.Addresses))
	for i, address := range endpoint.Addresses {
		names[i] = byAddress(slice.Namespace, address)
	}
	return names
}

func byUID(uid string) string                    { return "uid " + uid }
func byAddress(namespace, address string) string { return namespace + " " + address }

// names are all those under which a slice may hold p.
func (p Pod) names() []string {
	names := []string{byUID(p.UID)}
	for _, ip := range p.IPs {
		names = append(names, byAddress(p.Namespace, ip))
	}
	return names
}

// Headless names the headless Services that give out p's address by DNS.
func (v *View) Headless(p Pod) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var names []string
	for _, slice := range v.held(p) {
		if _, headless := slice.Labels[corev1.IsHeadlessService]; headless {
			if name := serviceOf(slice).name; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// ReadyAt gives the ready endpoints of a Service at the port of that name.
func (v *View) ReadyAt(namespace, service, port string) []netip.AddrPort {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []netip.AddrPort
	for _, slice := range v.of[key{namespace, service}] {
		for _, p := range slice.Ports {
			if p.Name == nil || *p.Name != port || p.Port == nil || *p.Port < 1 || *p.Port > 65535 {
				continue
			}
			for i := range slice.Endpoints {
				if e := &slice.Endpoints[i]; isReady(e) && len(e.Addresses) > 0 {
					if ip, err := netip.ParseAddr(e.Addresses[0]); err == nil {
						all = append(all, netip.AddrPortFrom(ip, uint16(*p.Port)))
					}
				}
			}
		}
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	return all
}

// held gives the slices that hold p, in the order of their names.
func (v *View) held(p Pod) []*discoveryv1.EndpointSlice {
	found := map[key]*discoveryv1.EndpointSlice{}
	for _, name := range p.names() {
		for k := range v.holding[name] {
			if k.namespace == p.Namespace {
				found[k] = v.slices[k]
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *discoveryv1.EndpointSlice) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Namespace, b.Namespace))
	})
}
