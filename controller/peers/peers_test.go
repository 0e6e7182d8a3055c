package peers

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// cluster holds pods by their address; nodes are at addresses that begin with 192.
type cluster map[string][]*corev1.Pod

func (c cluster) PodsAt(ip netip.Addr) (found []Pod) {
	for _, pod := range c[ip.String()] {
		Mark(pod, pod)
		found = append(found, Describe(pod))
	}
	return found
}

func (c cluster) IsNode(ip netip.Addr) bool { return ip.Is4() && ip.As4()[0] == 192 }

// reviewer allows what is listed, as "user resource".
type reviewer struct {
	allowed []string
	err     error
	asked   int
}

func (r *reviewer) ReviewAccess(_ context.Context, review *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error) {
	r.asked++
	what := review.Spec.ResourceAttributes
	review.Status.Allowed = what.Namespace == "shop" && slices.Contains(r.allowed, review.Spec.User+" "+what.Resource)
	return review, r.err
}

func pod(name, account string, containers ...corev1.Container) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name},
		Spec:       corev1.PodSpec{ServiceAccountName: account, Containers: containers},
	}
}

func image(name string) corev1.Container { return corev1.Container{Name: "main", Image: name} }

func TestClassify(t *testing.T) {
	ambient := pod("meshed", "none", image("app"))
	ambient.Annotations = map[string]string{"ambient.istio.io/redirection": "enabled"}
	native := pod("sidecar", "none", image("app"))
	native.Spec.InitContainers = []corev1.Container{{Name: "istio-proxy"}}
	liar := pod("traefik", "ingress")
	liar.Annotations = map[string]string{mark: string(termination.PeerClient)}
	allowed := &reviewer{allowed: []string{
		"system:serviceaccount:team:ingress endpointslices", "system:serviceaccount:team:old-ingress endpoints",
		"system:serviceaccount:team:operator pods", "system:serviceaccount:team:prometheus endpointslices",
		"system:serviceaccount:team:default endpointslices",
	}}
	tests := []struct {
		name     string
		pods     []*corev1.Pod
		address  string
		headless bool
		reviewer *reviewer
		want     termination.PeerClass
	}{
		{"a client", []*corev1.Pod{pod("web", "none", image("app:1"))}, "10.0.0.1", false, allowed, termination.PeerClient},
		{"a client, over IPv6", []*corev1.Pod{pod("web", "none", image("app:1"))}, "fd00::1", false, allowed, termination.PeerClient},
		{"a client as an IPv6 listener shows it", []*corev1.Pod{pod("web", "none")}, "::ffff:10.0.0.1", false, allowed, termination.PeerClient},
		{"a proxy that is configured with a Service", []*corev1.Pod{pod("web", "none", image("nginx:1.29"))}, "10.0.0.1", false, allowed, termination.PeerClient},
		{"whoever resolves a headless Service", []*corev1.Pod{pod("web", "none")}, "10.0.0.1", true, allowed, termination.PeerResolver},
		{"reads slices", []*corev1.Pod{pod("traefik", "ingress")}, "10.0.0.1", false, allowed, termination.PeerWatcher},
		{"reads Endpoints", []*corev1.Pod{pod("old", "old-ingress")}, "10.0.0.1", false, allowed, termination.PeerWatcher},
		{"reads pods", []*corev1.Pod{pod("op", "operator")}, "10.0.0.1", false, allowed, termination.PeerWatcher},
		{"no account named", []*corev1.Pod{pod("op", "")}, "10.0.0.1", false, allowed, termination.PeerWatcher},
		{"scrapes", []*corev1.Pod{pod("p", "prometheus", image("quay.example:443/prometheus/prometheus:v3@sha256:ab"))}, "10.0.0.1", false, allowed, termination.PeerScraper},
		{"Envoy, told by a control plane", []*corev1.Pod{pod("eg", "none", image("docker.example/envoyproxy/envoy:distroless-v1.35"))}, "10.0.0.1", false, allowed, termination.PeerProxy},
		{"not Envoy", []*corev1.Pod{pod("eg", "none", image("shop/notenvoy:1"))}, "10.0.0.1", false, allowed, termination.PeerClient},
		{"a proxy beside a scraper", []*corev1.Pod{pod("p", "none", image("prometheus"), corev1.Container{Name: "istio-proxy"})}, "10.0.0.1", false, allowed, termination.PeerProxy},
		{"a native sidecar", []*corev1.Pod{native}, "10.0.0.1", false, allowed, termination.PeerProxy},
		{"an ambient mesh", []*corev1.Pod{ambient}, "10.0.0.1", false, allowed, termination.PeerProxy},
		{"the address had two pods", []*corev1.Pod{pod("web", "none"), pod("traefik", "ingress")}, "10.0.0.1", false, allowed, termination.PeerWatcher},
		{"says of itself that it is a client", []*corev1.Pod{liar}, "10.0.0.1", false, allowed, termination.PeerWatcher},
		{"a node", []*corev1.Pod{pod("on-host", "none")}, "192.0.2.1", false, allowed, termination.PeerNode},
		{"outside", nil, "203.0.113.9", false, allowed, termination.PeerOutside},
		{"nobody to ask", []*corev1.Pod{pod("web", "none")}, "10.0.0.1", false, nil, termination.PeerUnknown},
		{"the API server is away", []*corev1.Pod{pod("web", "none")}, "10.0.0.1", false, &reviewer{err: errors.New("away")}, termination.PeerUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address := netip.MustParseAddr(tt.address)
			var asked Reviewer
			if tt.reviewer != nil {
				asked = tt.reviewer
			}
			c := New(cluster{address.Unmap().String(): tt.pods}, asked)
			got := c.Classify(t.Context(), Target{Namespace: "shop", Headless: tt.headless}, []netip.Addr{address})
			if len(got) != 1 || got[0].Class != tt.want {
				t.Fatalf("%+v, want class %q", got, tt.want)
			}
			if may := got[0].Class.MayKnow(); may != (tt.want != termination.PeerClient && tt.want != termination.PeerScraper) {
				t.Errorf("may know: %v", may)
			}
		})
	}
}

func TestRightsAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reviewer{allowed: []string{"system:serviceaccount:team:ingress endpointslices"}}
		c := New(cluster{"10.0.0.1": {pod("a", "ingress")}, "10.0.0.2": {pod("b", "none")}}, r)
		both := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}
		ask := func() int {
			before := r.asked
			c.Classify(t.Context(), Target{Namespace: "shop"}, both)
			return r.asked - before
		}
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{0, 1 + len(addresses)}, {0, 0}, {rememberNoRight, len(addresses)}, {rememberRight, 1 + len(addresses)}} {
			time.Sleep(step.after)
			if got := ask(); got != step.want {
				t.Errorf("after %v: %d reviews, want %d", step.after, got, step.want)
			}
		}
	})
}

// What is not known because there are too many to ask counts as one that may know.
func TestReviewsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reviewer{}
		pods := cluster{}
		var all []netip.Addr
		for i := range 1000 {
			address := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
			p := pod("p", "account-"+address.String())
			pods[address.String()], all = []*corev1.Pod{p}, append(all, address)
		}
		unknown := 0
		c := New(pods, r)
		for _, peer := range c.Classify(t.Context(), Target{Namespace: "shop"}, all) {
			if peer.Class == termination.PeerUnknown {
				unknown++
			}
		}
		if r.asked != reviewBurst || unknown != len(all)-reviewBurst/len(addresses) {
			t.Errorf("%d reviews, %d unknown", r.asked, unknown)
		}
		if other := c.Classify(t.Context(), Target{Namespace: "other"}, all[:1]); other[0].Class != termination.PeerClient {
			t.Errorf("another namespace's peer is %q: it has to pay for the first", other[0].Class)
		}
	})
}
