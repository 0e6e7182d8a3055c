package controller

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lameduck-dev/lameduck/controller/hub"
	"github.com/lameduck-dev/lameduck/controller/restore"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// watch feeds view, nodes and pods from informers, and begins those that the webhook reads
// from, so that its first answer does not wait for a list.
func (l *leader) watch(ctx context.Context) error {
	handlers := []struct {
		kind    client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&corev1.Service{}, view.OnChange(l.view.SetService, func(service *corev1.Service) {
			l.view.DropService(service.Namespace, service.Name)
		})},
		{&discoveryv1.EndpointSlice{}, view.OnChange(l.view.SetSlice, l.view.DropSlice)},
		{&corev1.Service{}, view.OnChange(l.serviceSet, l.serviceDropped)},
		{&discoveryv1.EndpointSlice{}, view.OnChange(l.sliceSet, l.sliceDropped)},
		{&corev1.Node{}, view.OnChange(l.nodes.set, func(node *corev1.Node) { l.nodes.drop(node.Name) })},
		{&corev1.Pod{}, view.OnChange(l.pods.set, l.pods.drop)},
		{&corev1.Pod{}, view.OnChange(l.routers.Set, l.routers.Drop)},
		{&corev1.Namespace{}, view.OnChange(l.namespaceChanged, func(*corev1.Namespace) {})},
		{&v1alpha1.DrainPolicy{}, nil},
	}
	for _, h := range handlers {
		informer, err := l.cache.GetInformer(ctx, h.kind)
		if err == nil && h.handler != nil {
			var registration toolscache.ResourceEventHandlerRegistration
			if registration, err = informer.AddEventHandler(h.handler); err == nil {
				l.seen = append(l.seen, registration.HasSynced)
			}
		}
		if err != nil {
			return fmt.Errorf("watching %T: %w", h.kind, err)
		}
	}
	return nil
}

// Changes to lameduck's own objects: the hub's are kept, and the barrier recreates its own.

func (l *leader) serviceSet(service *corev1.Service) {
	if service.Namespace == l.options.Namespace && service.Name == hubService {
		ip := service.Spec.ClusterIP
		if ip == corev1.ClusterIPNone {
			ip = ""
		}
		l.hub.change(ip)
	}
}

func (l *leader) serviceDropped(service *corev1.Service) {
	if service.Namespace == l.options.Namespace && service.Name == hubService {
		l.hub.change("")
	}
	l.barrierRemoved(service.Namespace, service.Name)
}

func (l *leader) sliceSet(slice *discoveryv1.EndpointSlice) {
	if slice.Namespace == l.options.Namespace && slice.Name == hubService {
		l.hub.change("")
	}
}

func (l *leader) sliceDropped(slice *discoveryv1.EndpointSlice) {
	l.sliceSet(slice)
	l.barrierRemoved(slice.Namespace, slice.Labels[discoveryv1.LabelServiceName])
}

func (l *leader) barrierRemoved(namespace, service string) {
	if now := l.now(); now != nil && namespace == l.options.BarrierNamespace {
		now.barriers.removed(service)
	}
}

// nodes keeps the Node objects for the barriers.
type nodes struct {
	mu      sync.Mutex
	objects map[string]*corev1.Node
	at      map[netip.Addr]string // which node has an address
	tell    func([]*corev1.Node)  // nil while nobody wants to know
}

func (n *nodes) set(node *corev1.Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.objects == nil {
		n.objects, n.at = map[string]*corev1.Node{}, map[netip.Addr]string{}
	}
	if old := n.objects[node.Name]; old == nil || !slices.Equal(old.Status.Addresses, node.Status.Addresses) {
		n.place(node.Name, node)
	}
	n.objects[node.Name] = node
	n.changed()
}

func (n *nodes) drop(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.objects, name)
	n.place(name, nil)
	n.changed()
}

// has reports whether ip is a node's.
func (n *nodes) has(ip netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, there := n.at[ip]
	return there
}

// place keeps the addresses of a node up to date; nil: it has left.
func (n *nodes) place(name string, node *corev1.Node) {
	maps.DeleteFunc(n.at, func(_ netip.Addr, owner string) bool { return owner == name })
	if node == nil {
		return
	}
	for _, address := range node.Status.Addresses {
		if own, err := netip.ParseAddr(address.Address); err == nil {
			n.at[own.Unmap()] = name
		}
	}
}

// follow has tell called with all nodes now and after each change; nil ends it.
func (n *nodes) follow(tell func([]*corev1.Node)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tell = tell
	n.changed()
}

func (n *nodes) changed() {
	if n.tell != nil {
		n.tell(slices.Collect(maps.Values(n.objects)))
	}
}

// pods reports which pods leave and which are gone, while somebody wants to know.
type pods struct {
	mu       sync.Mutex
	hub      *hub.Hub
	restorer *restore.Restorer
	heard    heard
	log      *slog.Logger
}

// follow has both told; nil ends it. Pods that have begun to leave before are told by their
// agents.
func (p *pods) follow(h *hub.Hub, r *restore.Restorer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hub, p.restorer = h, r
	since := time.Time{}
	if h != nil {
		since = time.Now()
	}
	p.heard.lead(since)
}

// set has an injected pod followed as soon as it terminates: its agent is about to ask, and the
// answer takes a while.
func (p *pods) set(pod *corev1.Pod) {
	if !asksHub(pod) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hub == nil {
		return
	}
	p.restorer.Set(pod)
	if pod.DeletionTimestamp == nil {
		return
	}
	p.heard.set(pod)
	if err := p.hub.Follow(pod); err != nil {
		p.log.Warn("hub: not following", "pod", pod.Namespace+"/"+pod.Name, "error", err)
	}
}

func (p *pods) drop(pod *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hub != nil {
		p.heard.gone(pod)
		p.hub.Gone(string(pod.UID))
		p.restorer.Gone(string(pod.UID))
	}
}

// asksHub reports whether the pod's agent will ask the hub.
func asksHub(pod *corev1.Pod) bool {
	status := inject.ReadStatus(pod.Annotations)
	return status != nil && status.Skipped == "" && status.Mode == v1alpha1.ModeAgent
}
