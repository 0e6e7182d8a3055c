package routers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pod is a router's pod as the cache has it.
func pod(namespace, name, account, ip string, age int, api string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + name), CreationTimestamp: metav1.Unix(int64(1_000_000-age), 0)}}
	p.Annotations = map[string]string{router.Annotation: api}
	p.Spec.ServiceAccountName = account
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: ip}}}
	return marked(p)
}

func marked(p *corev1.Pod) *corev1.Pod {
	slim := p.DeepCopy()
	Mark(slim, p)
	return slim
}

func TestMark(t *testing.T) {
	container := corev1.Container{Name: "main", Image: "traefik:v3.7", Args: []string{"--api.insecure=true"}}
	for name, tt := range map[string]struct {
		annotations map[string]string
		host        bool
		want        string
	}{
		"by its arguments":              {nil, false, "traefik:8080"},
		"told where":                    {map[string]string{router.Annotation: "traefik:9000/x"}, false, "traefik:9000/x"},
		"told not to":                   {map[string]string{router.Annotation: "none"}, false, ""},
		"told nonsense":                 {map[string]string{router.Annotation: "traefik:9000@10.0.0.1"}, false, ""},
		"of a kind that can't be asked": {map[string]string{router.Annotation: "nginx:8080"}, false, ""},
		"on the host's network":         {nil, true, ""},
		"says that it was marked":       {map[string]string{router.Annotation: "none", mark: "traefik:1"}, false, ""},
	} {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: tt.annotations}, Spec: corev1.PodSpec{HostNetwork: tt.host, Containers: []corev1.Container{container}}}
		if got := marked(p).Annotations[mark]; got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestMarkBesideAProxy: what one program in a pod sends to says nothing about another's. A mesh's proxy chooses for the
// router beside it.
func TestMarkBesideAProxy(t *testing.T) {
	traefik := corev1.Container{Name: "main", Image: "traefik:v3.7", Args: []string{"--api.insecure=true"}}
	envoy := corev1.Container{Name: "main2", Image: "envoyproxy/envoy:v1.36", Ports: []corev1.ContainerPort{{Name: "admin", ContainerPort: 9901}}}
	istio := corev1.Container{Name: "istio-proxy", Image: "docker.io/istio/proxyv2:1.27.0"}
	told := map[string]string{router.Annotation: "traefik:8080"}
	always := corev1.ContainerRestartPolicyAlways
	setup, sidecar := istio, istio
	sidecar.RestartPolicy = &always
	for name, tt := range map[string]struct {
		annotations      map[string]string
		containers, init []corev1.Container
		want             string
	}{
		"alone":                       {nil, []corev1.Container{traefik, {Name: "logs", Image: "busybox"}}, nil, "traefik:8080"},
		"a mesh's proxy":              {nil, []corev1.Container{traefik, istio}, nil, ""},
		"a mesh's native sidecar":     {nil, []corev1.Container{traefik}, []corev1.Container{sidecar}, ""},
		"a mesh's proxy, told where":  {told, []corev1.Container{traefik, istio}, nil, ""},
		"a mesh on the node":          {map[string]string{"ambient.istio.io/redirection": "enabled"}, []corev1.Container{traefik}, nil, ""},
		"two routers":                 {nil, []corev1.Container{traefik, envoy}, nil, ""},
		"Istio's gateway, told where": {map[string]string{router.Annotation: "envoy:15000"}, []corev1.Container{istio}, nil, "envoy:15000"},
		"a mesh's setup":              {nil, []corev1.Container{traefik}, []corev1.Container{setup}, "traefik:8080"},
		"another name, and a mesh":    {told, []corev1.Container{{Name: "edge", Image: "example/edge"}, istio}, nil, ""},
		"two of a kind":               {nil, []corev1.Container{traefik, {Name: "traefik"}}, nil, ""},
		"a program of another name":   {told, []corev1.Container{{Name: "edge", Image: "example/edge"}}, nil, "traefik:8080"},
	} {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: tt.annotations}, Spec: corev1.PodSpec{Containers: tt.containers, InitContainers: tt.init}}
		if got := marked(p).Annotations[mark]; got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// allowed are the accounts that may read addresses.
type allowed []string

func (a allowed) MayRead(_ context.Context, accountNamespace, account, _ string) (may, ok bool) {
	return slices.Contains(a, accountNamespace+"/"+account), true
}

// fake is a kind whose routers take their time, and send to what is told.
type fake struct {
	takes time.Duration
	sends string
	err   error

	mu          sync.Mutex
	calls       int
	now, atOnce int
}

func (f *fake) Find(*corev1.Pod) (router.API, bool) { return router.API{}, false }

func (f *fake) Ask(ctx context.Context, _ *router.Door) (*router.Addresses, error) {
	f.mu.Lock()
	f.calls, f.now = f.calls+1, f.now+1
	f.atOnce = max(f.atOnce, f.now)
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.now--; f.mu.Unlock() }()
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	found := &router.Addresses{}
	_ = found.Add(f.sends, router.Sends)
	return found, f.err
}

func asker(f *fake, may ...string) *Asker {
	a := New(allowed(may), func(ip netip.Addr) bool { return ip.As4()[0] == 192 }, slog.New(slog.DiscardHandler))
	a.kinds = map[string]Kind{"traefik": f, "envoy": f}
	return a
}

var leaving = Pod{Namespace: "shop", IPs: []netip.Addr{netip.MustParseAddr("10.1.0.1")}}

func heard(a *Asker, about Pod) (names []string) {
	a.Ask(context.Background(), about, func(w Word) { names = append(names, fmt.Sprintf("%s %d", w.Name, w.Use)) })
	slices.Sort(names)
	return names
}

// TestWhoIsAsked: those that send and their replicas, and those that may read the pod's address; nobody at an
// address that is not a pod's own.
func TestWhoIsAsked(t *testing.T) {
	peer := netip.MustParseAddr("10.2.0.1")
	for _, tt := range []struct {
		name  string
		pods  []*corev1.Pod
		peers []netip.Addr
		want  string
	}{
		{"who may read it", []*corev1.Pod{pod("in", "a", "reads", "10.2.0.1", 9, "traefik:80"), pod("in", "b", "none", "10.2.0.2", 9, "traefik:80")}, nil, "in/a"},
		{"who sends, and its replicas", []*corev1.Pod{pod("in", "a", "none", "10.2.0.1", 9, "envoy:80"), pod("in", "b", "none", "10.2.0.2", 9, "envoy:80"), pod("in", "c", "other", "10.2.0.3", 9, "envoy:80"), pod("else", "d", "none", "10.2.0.4", 9, "envoy:80")}, []netip.Addr{peer}, "in/a in/b"},
		{"a peer that is no router", []*corev1.Pod{pod("in", "a", "none", "10.2.0.1", 9, "none")}, []netip.Addr{peer}, ""},
		{"at a node's address", []*corev1.Pod{pod("in", "a", "reads", "192.168.0.1", 9, "traefik:80")}, nil, ""},
		{"at its own loopback", []*corev1.Pod{pod("in", "a", "reads", "127.0.0.1", 9, "traefik:80")}, nil, ""},
		{"at a link-local address", []*corev1.Pod{pod("in", "a", "reads", "169.254.169.254", 9, "traefik:80")}, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := asker(&fake{sends: "10.9.9.9:80"}, "in/reads")
				defer a.Close()
				for _, p := range tt.pods {
					a.Set(p)
				}
				about := leaving
				about.Peers = tt.peers
				got := heard(a, about)
				for i := range got {
					got[i] = strings.TrimSuffix(got[i], " 0")
				}
				if strings.Join(got, " ") != tt.want {
					t.Errorf("%v, want %q", got, tt.want)
				}
			})
		})
	}
}

// A router is asked at most once a second, for all who want to know, and by a call that begins after they do.
func TestCallsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: 200 * time.Millisecond, sends: "10.1.0.1:80"}
		a := asker(f, "in/reads")
		defer a.Close()
		a.Set(pod("in", "a", "reads", "10.2.0.1", 9, "traefik:80"))
		began := time.Now()
		var wanting sync.WaitGroup
		for i := range 100 {
			wanting.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Millisecond) // within 5 s
				asked := time.Now()
				a.Ask(t.Context(), leaving, func(w Word) {
					if w.Use != router.Sends || w.At.Before(asked.Add(f.takes)) {
						t.Errorf("%+v at %v, asked at %v", w, w.At, asked)
					}
				})
			})
		}
		wanting.Wait()
		if took := time.Since(began); f.calls < 5 || f.calls > 1+int(took/askEvery) || f.atOnce != 1 {
			t.Errorf("%d calls in %v, %d at once", f.calls, took, f.atOnce)
		}
	})
}

// What pods claim is bounded: how many are asked, about one pod and at once, and how long it takes.
func TestHostileRouters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: time.Hour}
		a := asker(f, "in/reads", "evil/reads")
		defer a.Close()
		a.Set(pod("in", "old", "reads", "10.2.0.1", 99_999, "traefik:80"))
		for i := range 2 * maxRouters {
			a.Set(pod("evil", fmt.Sprint("p", i), "reads", fmt.Sprintf("10.3.%d.%d", i/256, i%256), i%1000, "traefik:80"))
		}
		if len(a.pods) != maxRouters {
			t.Errorf("%d are known", len(a.pods))
		}
		chosen := a.choose(t.Context(), leaving)
		if len(chosen) != maxAsked || chosen[0].name() != "in/old" {
			t.Errorf("%d are asked, the first is %s", len(chosen), chosen[0].name())
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		a.Ask(ctx, leaving, func(w Word) { t.Errorf("%+v", w) })
		if most := time.Duration(maxAsked/callsOfBucket+1) * askFor; time.Since(began) > most || f.atOnce > 2*callsOfBucket {
			t.Errorf("it took %v, %d calls at once", time.Since(began), f.atOnce)
		}
	})
}

// A router's word is taken only if it is about the pod: one that sends to names may send to it by DNS.
func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{sends: "db.shop.svc:5432"}
		a := asker(f, "in/reads")
		defer a.Close()
		a.Set(pod("in", "a", "reads", "10.2.0.1", 9, "traefik:80"))
		headless := leaving
		headless.Headless = true
		if got := heard(a, leaving); !slices.Equal(got, []string{"in/a 0"}) {
			t.Error(got)
		}
		if got := heard(a, headless); !slices.Equal(got, []string{"in/a 1"}) {
			t.Errorf("a pod of a headless Service: %v", got)
		}
		f.sends = "10.1.0.1:80"
		if got := heard(a, headless); !slices.Equal(got, []string{"in/a 2"}) {
			t.Error(got)
		}
		f.err = errors.New("not open")
		if got := heard(a, leaving); got != nil {
			t.Errorf("it failed: %v", got)
		}
	})
}

// The index follows the pods.
func TestIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := asker(&fake{}, "in/reads")
		defer a.Close()
		first := pod("in", "a", "reads", "10.2.0.1", 9, "traefik:80")
		a.Set(first)
		a.Set(first.DeepCopy())
		moved := pod("in", "a", "reads", "10.2.0.7", 9, "traefik:80")
		a.Set(moved)
		second := pod("in", "b", "reads", "10.2.0.1", 5, "traefik:80") // has the address now
		a.Set(second)
		if got := heard(a, leaving); len(got) != 2 || len(a.at) != 2 || a.at[netip.MustParseAddr("10.2.0.1")].pod != "b" {
			t.Errorf("%v, %v", got, a.at)
		}
		a.Drop(moved)
		ended := second.DeepCopy()
		ended.Status.Phase = corev1.PodSucceeded
		a.Set(ended)
		if got := heard(a, leaving); got != nil || len(a.pods)+len(a.at) != 0 {
			t.Errorf("%v, %v", got, a.at)
		}
	})
}

// TestAYoungRouter: one that has just begun sends nowhere yet. It may still hear of a pod from a control plane that
// is late.
func TestAYoungRouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := asker(&fake{sends: "10.9.9.9:80"}, "in/reads")
		defer a.Close()
		p := pod("in", "a", "reads", "10.2.0.1", 9, "traefik:80")
		a.Set(p)
		for _, ready := range []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionTrue} { // its container has restarted
			again := p.DeepCopy()
			again.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready, LastTransitionTime: metav1.Now()}}
			a.Set(again)
			if got := heard(a, leaving); !slices.Equal(got, []string{"in/a 1"}) {
				t.Errorf("at once: %v", got)
			}
			time.Sleep(termination.CarefulSleep)
			if got := heard(a, leaving); !slices.Equal(got, []string{"in/a 0"}) {
				t.Errorf("later: %v", got)
			}
		}
	})
}

// TestLoggedErrors: what a router answers instead of HTTP may be long.
func TestLoggedErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		a := asker(&fake{err: errors.New(strings.Repeat("x", 64<<10))}, "in/reads")
		a.log = slog.New(slog.NewTextHandler(&log, nil))
		a.Set(pod("in", "a", "reads", "10.2.0.1", 9, "traefik:80"))
		heard(a, leaving)
		a.Close()
		if n := log.Len(); n == 0 || n > 1000 {
			t.Errorf("%d bytes are logged", n)
		}
	})
}
