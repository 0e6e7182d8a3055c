package view

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func ptr[T any](v T) *T { return &v }

var cart = Pod{Namespace: "shop", Name: "cart-a", UID: "a", Node: "node1", IPs: []string{"10.1.0.1"}}

// state is how an endpoint stands: ready, serving and terminating, or neither.
type state string

const (
	ready       state = "ready"
	starting    state = "starting"
	leaving     state = "leaving"      // terminating and still serving
	unready     state = "unready"      // terminating, its readiness gone
	unmarkedOut state = "unmarked out" // ready is false and nothing else is told
)

func endpoint(uid, node string, s state) discoveryv1.Endpoint {
	e := discoveryv1.Endpoint{Addresses: []string{"10.1.0." + strconv.Itoa(int(uid[0]-'a')+1)}, NodeName: &node}
	e.TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "cart-" + uid, UID: types.UID(uid)}
	switch s {
	case ready:
		e.Conditions = discoveryv1.EndpointConditions{Ready: ptr(true), Serving: ptr(true), Terminating: ptr(false)}
	case starting:
		e.Conditions = discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(false), Terminating: ptr(false)}
	case leaving:
		e.Conditions = discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(true), Terminating: ptr(true)}
	case unready:
		e.Conditions = discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(false), Terminating: ptr(true)}
	case unmarkedOut:
		e.Conditions = discoveryv1.EndpointConditions{Ready: ptr(false)}
	}
	return e
}

func slice(name string, version uint64, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, ResourceVersion: strconv.FormatUint(version, 10),
			Labels: map[string]string{discoveryv1.LabelServiceName: "cart", discoveryv1.LabelManagedBy: sliceController},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr("http"), Port: ptr(int32(8080)), Protocol: ptr(corev1.ProtocolTCP)}},
		Endpoints:   endpoints,
	}
}

func with(s *discoveryv1.EndpointSlice, change func(*discoveryv1.EndpointSlice)) *discoveryv1.EndpointSlice {
	change(s)
	return s
}

func service(change func(*corev1.ServiceSpec)) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"}}
	s.Spec.Type = corev1.ServiceTypeClusterIP
	if change != nil {
		change(&s.Spec)
	}
	return s
}

func TestLook(t *testing.T) {
	localInside := func(s *corev1.ServiceSpec) { s.InternalTrafficPolicy = ptr(corev1.ServiceInternalTrafficPolicyLocal) }
	localOutside := func(s *corev1.ServiceSpec) {
		s.Type, s.ExternalTrafficPolicy = corev1.ServiceTypeLoadBalancer, corev1.ServiceExternalTrafficPolicyLocal
	}
	headless := func(s *discoveryv1.EndpointSlice) { s.Labels[corev1.IsHeadlessService] = "" }
	byHand := func(s *discoveryv1.EndpointSlice) {
		s.Labels[discoveryv1.LabelManagedBy] = "somebody"
		for i := range s.Endpoints {
			s.Endpoints[i].TargetRef = nil
		}
	}
	otherPort := func(s *discoveryv1.EndpointSlice) { s.Ports[0].Name = ptr("admin") }
	ipv6 := func(s *discoveryv1.EndpointSlice) { s.AddressType = discoveryv1.AddressTypeIPv6 }
	proxy := func(s *discoveryv1.EndpointSlice) { s.Labels[proxyName] = "acme" }
	me, peer, near := endpoint("a", "node1", leaving), endpoint("b", "node2", ready), endpoint("c", "node1", ready)
	tests := []struct {
		name    string
		service func(*corev1.ServiceSpec)
		slices  []*discoveryv1.EndpointSlice
		waiting string
		stuck   string
	}{
		{name: "in no slice"},
		{name: "out, another is ready", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me, peer)}},
		{name: "the other is in another slice", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me), slice("s2", 2, peer)}},
		{name: "still ready", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, endpoint("a", "node1", ready), peer)}, waiting: "still offers"},
		{name: "still ready in one of two slices", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me, peer), slice("s2", 1, endpoint("a", "node1", ready))}, waiting: "still offers"},
		{name: "not ready before it terminated", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, endpoint("a", "node1", starting), peer)}, waiting: "does not know yet"},
		{name: "the last one", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me)}, waiting: "no other endpoint"},
		{name: "all leave", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me, endpoint("b", "node2", leaving))}, waiting: "no other endpoint"},
		{name: "the other only starts", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me, endpoint("b", "node2", starting))}, waiting: "no other endpoint"},
		{name: "the last one, but not serving", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, endpoint("a", "node1", unready))}},
		{name: "the other has not that port", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me), with(slice("s2", 1, peer), otherPort)}, waiting: "no other endpoint"},
		{name: "the other is of the other family", slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me), with(slice("s2", 1, peer), ipv6)}, waiting: "no other endpoint"},
		{name: "the last one of a headless Service", slices: []*discoveryv1.EndpointSlice{with(slice("s1", 1, me), headless)}},
		{name: "local inside, none on the node", service: localInside, slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me, peer)}, stuck: "on node node1"},
		{name: "local outside, none on the node", service: localOutside, slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me, peer)}, stuck: "on node node1"},
		{name: "local, one on the node", service: localInside, slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me, peer, near)}},
		{name: "local, the last one", service: localInside, slices: []*discoveryv1.EndpointSlice{slice("s1", 1, me)}, waiting: "no other endpoint"},
		{name: "publishes what is not ready", service: func(s *corev1.ServiceSpec) { s.PublishNotReadyAddresses = true }, slices: []*discoveryv1.EndpointSlice{slice("s1", 1, endpoint("a", "node1", ready), peer)}, stuck: "publishNotReadyAddresses"},
		{name: "another proxy", slices: []*discoveryv1.EndpointSlice{with(slice("s1", 1, me, peer), proxy)}, stuck: "acme"},
		{name: "slices made by hand", slices: []*discoveryv1.EndpointSlice{with(slice("s1", 1, endpoint("a", "node1", unmarkedOut), peer), byHand)}},
		{name: "slices made by hand still offer it", slices: []*discoveryv1.EndpointSlice{with(slice("s1", 1, endpoint("a", "node1", ready), peer), byHand)}, waiting: "still offers"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := New("barrier")
			v.Listed("1")
			v.SetService(service(tt.service))
			for _, s := range tt.slices {
				v.SetSlice(s)
			}
			w := v.Watch(cart)
			defer w.Close()
			look := w.State().Look
			for title, part := range map[string]struct {
				got  []Fact
				want string
			}{"waiting": {look.Waiting, tt.waiting}, "stuck": {look.Stuck, tt.stuck}} {
				if part.want == "" && len(part.got) > 0 || part.want != "" && (len(part.got) != 1 || !strings.Contains(part.got[0].Detail, part.want)) {
					t.Errorf("%s: %v, want %q", title, part.got, part.want)
				}
			}
			if len(look.Families) != 1 || look.Families[0] != corev1.IPv4Protocol {
				t.Errorf("families %v", look.Families)
			}
		})
	}
}

// TestSince follows a pod through everything that may happen to its slices.
func TestSince(t *testing.T) {
	v := New("barrier")
	v.Listed("5")
	v.SetService(service(nil))
	v.SetSlice(slice("s1", 10, endpoint("a", "node1", ready), endpoint("b", "node2", ready)))
	v.SetSlice(with(slice("other", 11, endpoint("d", "node3", ready)), func(s *discoveryv1.EndpointSlice) { s.Labels[discoveryv1.LabelServiceName] = "other" }))
	w := v.Watch(cart)
	defer w.Close()

	type step struct {
		Out     bool
		Since   uint64
		Changed bool
	}
	changed := w.State().Changed
	see := func(title string, want step) {
		t.Helper()
		state := w.State()
		got := step{Out: state.Out()}
		if got.Out {
			got.Since = state.Since
		}
		select {
		case <-changed:
			got.Changed = true
		default:
		}
		changed = state.Changed
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", title, diff)
		}
	}
	see("ready", step{})
	v.SetSlice(slice("s1", 12, endpoint("a", "node1", leaving), endpoint("b", "node2", ready)))
	see("out", step{true, 12, true})
	v.SetSlice(with(slice("other", 13), func(s *discoveryv1.EndpointSlice) { s.Labels[discoveryv1.LabelServiceName] = "other" }))
	see("another Service changed", step{true, 12, false})
	v.SetSlice(slice("s2", 14, endpoint("e", "node2", ready)))
	see("one more peer", step{true, 12, true})
	v.SetSlice(slice("s1", 15, endpoint("a", "node1", leaving), endpoint("b", "node2", leaving)))
	see("one peer leaves", step{true, 12, true})
	v.DropSlice(slice("s2", 16, endpoint("e", "node2", ready)))
	see("the last peer is gone", step{false, 0, true})
	v.SetSlice(slice("s1", 17, endpoint("a", "node1", leaving), endpoint("f", "node2", ready)))
	see("a new peer", step{true, 17, true})
	v.DropSlice(slice("s1", 18, endpoint("a", "node1", leaving)))
	see("its slice is gone", step{true, 17, true})
	v.Listed("30")
	see("listed anew: nobody knows what happened in between", step{true, 30, true})
	v.DropService("shop", "cart")
	see("its Service is gone", step{true, 30, true})
}

// TestForgets: what is no longer held must not be kept.
func TestForgets(t *testing.T) {
	v := New("barrier")
	for i := range 10 {
		s := slice("s"+strconv.Itoa(i), uint64(i), endpoint("a", "node1", ready), endpoint("b", "node1", ready))
		v.SetSlice(s)
		v.SetSlice(s)
		v.DropSlice(s)
	}
	v.Watch(cart).Close()
	if len(v.slices)+len(v.of)+len(v.holding)+len(v.watches) != 0 {
		t.Errorf("%d slices, %d Services, %d pods, %d watches are left", len(v.slices), len(v.of), len(v.holding), len(v.watches))
	}
}

// TestNothingIsKnownBefore the first list, nor where versions can't be compared.
func TestNothingIsKnownBefore(t *testing.T) {
	v := New("barrier")
	w := v.Watch(cart)
	defer w.Close()
	v.SetSlice(slice("s1", 10, endpoint("a", "node1", leaving), endpoint("b", "node2", ready)))
	if w.State().Out() {
		t.Error("out before the slices were listed")
	}
	v.Listed("7")
	if state := w.State(); !state.Out() || state.Since != 7 {
		t.Errorf("%+v after the list", state)
	}
	v.Listed("one two three")
	if w.State().Out() {
		t.Error("out by a version that is no number")
	}
}
