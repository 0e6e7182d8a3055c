package controller

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlfake "sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/hub"
	"github.com/lameduck-dev/lameduck/controller/restore"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/router"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

func TestSurroundingsAndSettings(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	build := func(objects ...client.Object) client.Reader {
		return ctrlfake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "lameduck-system", Name: hubService}, Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7"}}
	shop := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{inject.Label: "true"}}}
	newborn := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "newborn", Labels: map[string]string{inject.Label: "true"}}}
	policy := func(namespace string) *v1alpha1.DrainPolicy {
		return &v1alpha1.DrainPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "slow"}}
	}
	s := &source{reader: build(service, shop, policy("shop"), policy("elsewhere")), live: build(newborn), key: "KEY", options: Options{Namespace: "lameduck-system", AgentImage: "agent:1"}}

	around, err := s.Surroundings(t.Context(), "shop")
	if err != nil || around.NamespaceLabels[inject.Label] != "true" || len(around.Policies) != 1 {
		t.Errorf("%+v, %v", around, err)
	}
	if around, err = s.Surroundings(t.Context(), "newborn"); err != nil || around.NamespaceLabels[inject.Label] != "true" {
		t.Errorf("a namespace that the cache does not know yet: %+v, %v", around, err)
	}
	if _, err = s.Surroundings(t.Context(), "nowhere"); err == nil {
		t.Error("a namespace that does not exist was read")
	}
	front := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front", Annotations: map[string]string{"alb.ingress.kubernetes.io/target-type": "ip"}},
		Spec:       networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web"}}},
	}
	web := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}}
	s.reader = build(service, shop, front, web)
	for _, may := range []bool{false, true} {
		s.options.Ingresses = may
		if around, err = s.Surroundings(t.Context(), "shop"); err != nil || may != (len(around.Balancers) == 1) {
			t.Errorf("with Ingresses %t: %+v, %v", may, around.Balancers, err)
		}
	}
	settings, err := s.Settings(t.Context())
	want := inject.Settings{AgentImage: "agent:1", HubKey: "KEY", HubAddresses: []string{"10.96.0.7:80", "lameduck-hub.lameduck-system.svc:80"}}
	if diff := cmp.Diff(want, settings); diff != "" || err != nil {
		t.Error(err, diff)
	}
	s.reader = build(shop)
	if _, err = s.Settings(t.Context()); err == nil {
		t.Error("settings without the hub's Service")
	}
}

// TestOnChange: a deletion may be found out by a list only.
func TestOnChange(t *testing.T) {
	var got []string
	handler := view.OnChange(
		func(node *corev1.Node) { got = append(got, "set "+node.Name) },
		func(node *corev1.Node) {
			got = append(got, "drop "+node.Name)
		})
	a := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	handler.OnAdd(a, true)
	handler.OnUpdate(a, a)
	handler.OnDelete(a)
	handler.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "a", Obj: a})
	handler.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "b"})
	if diff := cmp.Diff([]string{"set a", "set a", "drop a", "drop a"}, got); diff != "" {
		t.Error(diff)
	}
}

// The barrier's own slices hold no pod; they mark how far the stream has come.
func TestBarrierSlicesMarkTheStream(t *testing.T) {
	l := &leader{view: view.New("zz")}
	handler := view.OnChange(l.view.SetSlice, l.view.DropSlice)
	slice := func(namespace, version string) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "a", ResourceVersion: version}}
	}
	delivered := func(version uint64) bool { _, ok, _ := l.view.Delivered(version); return ok }
	handler.OnAdd(slice("shop", "7"), true)
	if delivered(7) {
		t.Error("a slice of a Service's marks the stream")
	}
	handler.OnAdd(slice("zz", "9"), false)
	handler.OnDelete(slice("zz", "11"))
	if !delivered(8) || !delivered(9) || delivered(10) {
		t.Error("the barrier's write at 9 does not mark the stream up to there")
	}
}

func TestNodesAreToldToWhomeverFollows(t *testing.T) {
	var n nodes
	n.set(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	var told []int
	n.follow(func(all []*corev1.Node) { told = append(told, len(all)) })
	n.set(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "b"}})
	n.drop("a")
	n.follow(nil)
	n.drop("b")
	if diff := cmp.Diff([]int{1, 2, 1}, told); diff != "" {
		t.Error(diff)
	}
}

// observer counts what a hub follows.
type observer struct {
	mu          sync.Mutex
	began, gone int
}

func (o *observer) Began() { o.mu.Lock(); o.began++; o.mu.Unlock() }
func (o *observer) Gone()  { o.mu.Lock(); o.gone++; o.mu.Unlock() }

func (o *observer) Found(hub.Outcome, time.Duration) {}

type nothing struct{}

func (nothing) Pass(context.Context, barrier.Change) []barrier.Verdict { return nil }

// TestPodsAreFollowedBeforeTheyAsk: those that have a hook, from the moment they terminate.
func TestPodsAreFollowedBeforeTheyAsk(t *testing.T) {
	o := &observer{}
	h := hub.New(hub.Config{
		View: view.New("zz"), Barriers: func(corev1.IPFamily) hub.Barrier { return nothing{} }, Late: func(string) bool { return false },
		Cluster: &leader{clientset: fake.NewClientset()}, Observer: o, Log: slog.New(slog.DiscardHandler),
	})
	defer h.Close()
	restorer := restore.New(restore.Config{Log: slog.New(slog.DiscardHandler)})
	defer restorer.Close()
	p := pods{log: slog.New(slog.DiscardHandler), heard: heard{count: func(bool) {}}}
	now := metav1.Now()
	leaving := func(uid, status string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid), Name: uid, DeletionTimestamp: &now, Annotations: map[string]string{inject.StatusAnnotation: status}}}
	}
	injected := leaving("a", `{"version":1,"because":"label","mode":"agent","containers":[{"name":"app"}]}`)
	p.set(injected) // nobody leads
	p.follow(h, restorer)
	serving := injected.DeepCopy()
	serving.DeletionTimestamp, serving.UID = nil, "b"
	sleeping := leaving("c", `{"version":1,"because":"label","mode":"sleep"}`)
	skipped := leaving("d", `{"version":1,"because":"label","skipped":"hostNetwork"}`)
	for _, pod := range []*corev1.Pod{serving, sleeping, skipped, leaving("e", "nonsense"), injected, injected} {
		p.set(pod)
	}
	p.drop(injected)
	p.drop(serving)
	p.follow(nil, nil)
	p.drop(sleeping)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.began != 1 || o.gone != 1 {
		t.Errorf("%d followed, %d gone; want one of each", o.began, o.gone)
	}
}

func TestSlimPod(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", UID: "u", DeletionGracePeriodSeconds: new(int64(9)), Annotations: map[string]string{inject.StatusAnnotation: "{}"}}}
	pod.Spec.NodeName, pod.Status.PodIPs = "node1", []corev1.PodIP{{IP: "10.1.0.1"}}
	pod.Spec.Containers = []corev1.Container{{Name: "app", Env: make([]corev1.EnvVar, 100)}}
	kept, err := slimPod(pod)
	if err != nil {
		t.Fatal(err)
	}
	slim := kept.(*corev1.Pod)
	if slim.Spec.Containers != nil {
		t.Error("containers are kept")
	}
	if slim.UID != pod.UID || slim.Spec.NodeName != "node1" || len(slim.Status.PodIPs) != 1 || *slim.DeletionGracePeriodSeconds != 9 || slim.Annotations[inject.StatusAnnotation] == "" {
		t.Errorf("something that the hub needs is gone: %+v", slim)
	}
}

// Since when a router has been ready is kept: what it says counts only after a time.
func TestSlimPodKeepsWhenARouterWasReady(t *testing.T) {
	ready := []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Unix(1, 0)}}
	for api, want := range map[string]int{"envoy:9901": 1, "none": 0} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{router.Annotation: api}}, Status: corev1.PodStatus{Conditions: ready}}
		kept, err := slimPod(pod)
		if err != nil {
			t.Fatal(err)
		}
		if got := kept.(*corev1.Pod).Status.Conditions; len(got) != want {
			t.Errorf("%s: %+v", api, got)
		}
	}
}

// What withdrawals of a pod with an agent left is cleared once its container has been started
// anew.
func TestSlimPodKeepsWhatTheRestorerNeeds(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u", Annotations: map[string]string{inject.StatusAnnotation: `{"version":1,"mode":"agent"}`}}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", RestartCount: 2, Image: "app",
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}}
	kept, err := slimPod(pod)
	if err != nil {
		t.Fatal(err)
	}
	slim := kept.(*corev1.Pod)
	if s := slim.Status.ContainerStatuses; len(s) != 1 || s[0].Name != "app" || s[0].RestartCount != 2 || s[0].State.Terminated == nil || s[0].Image != "" {
		t.Errorf("statuses: %+v", s)
	}
}

// TestServingFails: a replica that can't serve ends all that it began to lead, and says why.
func TestServingFails(t *testing.T) {
	defer goleak.VerifyNone(t)
	taken, err := net.Listen("tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	l := at(optimistic("10.1.0.7"), "10.1.0.7")
	l.options.HubPort = taken.Addr().(*net.TCPAddr).Port
	l.view, l.cache, l.metrics, l.pods.log = view.New("zz"), &informertest.FakeInformers{}, unregisteredMetrics(l.status), l.options.Log
	l.pods.heard.count = l.metrics.stopped
	ended := make(chan error, 1)
	go func() { ended <- l.lead(t.Context(), newTenure()) }()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "serving the hub") {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it leads on, and serves nobody")
	}
	if l.now() != nil {
		t.Error("it still counts as leading")
	}
}
