package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	propagation "github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/hub"
	"github.com/lameduck-dev/lameduck/controller/view"
)

// lateness is how late a hub's watch of EndpointSlices is.
type lateness struct {
	always time.Duration // each event is that late
	// stalls, if set, gives how long the watch brings nothing once a pod was found confirmed.
	stalls func() time.Duration
	// credulous drops a condition, as the control: the hub's view counts as having received each
	// write of its own at once, as if nobody checked how far behind it is.
	credulous bool
}

// ownHub is a hub in this process, made of the controller's packages, with a late watch of
// EndpointSlices and a barrier of its own.
type ownHub struct {
	*hubClient
	namespace string // of its barrier
	view      *view.View
	pods      cache.Store
	late      chan lateEvent
	lateness

	mu           sync.Mutex
	began, until time.Time // the watch stalls

	stop    context.CancelFunc
	working sync.WaitGroup
}

// lateEvent is a change that the watch brought, and when the view gets it.
type lateEvent struct {
	due   time.Time
	apply func()
}

// startHub starts a hub that learns of slices that much later than the watch.
func (e *Env) startHub(ctx context.Context, namespace string, late lateness) (_ *ownHub, err error) {
	if err := ensureNamespace(ctx, e.Client, namespace); err != nil {
		return nil, fmt.Errorf("preparing a hub: %w", err)
	}
	private, _, err := seal.GenerateKey()
	if err != nil {
		return nil, err
	}
	key, err := seal.ParsePrivate(private)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("preparing a hub: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	o := &ownHub{namespace: namespace, view: view.New(namespace), late: make(chan lateEvent, 100_000), lateness: late, stop: stop}
	o.hubClient = &hubClient{client: e.Client, key: key.PublicKey(), http: http.Client{Timeout: hubapi.MaxWait}}
	o.address = func(context.Context) (string, error) { return listener.Addr().String(), nil }

	barrier, err := o.startBarrier(ctx)
	if err != nil {
		stop()
		return nil, errors.Join(err, listener.Close())
	}
	h := hub.New(hub.Config{
		View:     o.view,
		Barriers: func(corev1.IPFamily) hub.Barrier { return barrier },
		Marks:    ownMark{propagation.NewKubeMark(e.Client, namespace), o},
		Late:     func(of string) bool { return propagation.Late(namespace, of) },
		Cluster:  o,
		Observer: o,
		Log:      slog.New(slog.DiscardHandler),
	})
	server := &http.Server{Handler: hub.NewServer(h, key, hub.NewIdentities(o)), ReadHeaderTimeout: 5 * time.Second}
	o.working.Go(func() { _ = server.Serve(listener) })
	o.working.Go(func() {
		<-ctx.Done()
		_ = server.Close()
		h.Close()
	})
	return o, o.watch(ctx, h)
}

// end ends the hub and removes its barrier.
func (o *ownHub) end(ctx context.Context) error {
	o.stop()
	o.working.Wait()
	return o.client.CoreV1().Namespaces().Delete(ctx, o.namespace, metav1.DeleteOptions{})
}

func (o *ownHub) startBarrier(ctx context.Context) (*propagation.Barrier, error) {
	nodes, err := o.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("preparing a hub: %w", err)
	}
	var objects []*corev1.Node
	for i := range nodes.Items {
		objects = append(objects, &nodes.Items[i])
	}
	members := propagation.Nodes(objects, corev1.IPv4Protocol, "")
	here, err := addressTowards(members)
	if err != nil {
		return nil, fmt.Errorf("preparing a hub: %w", err)
	}
	listener := propagation.NewListener(here)
	barrier := propagation.New(propagation.Config{
		Store:  ownStore{propagation.NewKubeStore(o.client, o.namespace, corev1.IPv4Protocol, here, ""), o},
		Beacon: listener, Kinds: propagation.NewHealthPorts(),
	})
	barrier.SetNodes(members)
	o.working.Go(func() {
		defer listener.Close()
		_ = barrier.Run(ctx)
	})
	return barrier, nil
}

// addressTowards gives the address of this process at which the nodes reach it.
func addressTowards(nodes []propagation.Node) (netip.Addr, error) {
	if len(nodes) == 0 || !nodes[0].Address.IsValid() {
		return netip.Addr{}, errors.New("no node has an address")
	}
	conn, err := net.Dial("udp", netip.AddrPortFrom(nodes[0].Address, 9).String()) // sends nothing
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

type ownStore struct {
	*propagation.KubeStore
	hub *ownHub
}

func (s ownStore) Write(ctx context.Context, service propagation.Service, slice propagation.Slice) (uint64, error) {
	version, err := s.KubeStore.Write(ctx, service, slice)
	if err == nil && s.hub.credulous {
		s.hub.view.Mark(service.Name, version)
	}
	return version, err
}

type ownMark struct {
	*propagation.KubeMark
	hub *ownHub
}

func (m ownMark) Mark(ctx context.Context) (uint64, error) {
	version, err := m.KubeMark.Mark(ctx)
	if err == nil && m.hub.credulous {
		m.hub.view.Mark("mark", version)
	}
	return version, err
}

// stalled gives until when the watch brings nothing.
func (o *ownHub) stalled() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.until
}

// stalledFor is for how long the watch has brought nothing; 0 while it does not stall, and for the
// installed hub, which is no ownHub.
func (o *ownHub) stalledFor() time.Duration {
	if o == nil || o.stalls == nil {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.Before(o.until) {
		return now.Sub(o.began)
	}
	return 0
}

// watch feeds the view as the controller does, but later.
func (o *ownHub) watch(ctx context.Context, h *hub.Hub) error {
	factory := informers.NewSharedInformerFactory(o.client, 0)
	pods := factory.Core().V1().Pods().Informer()
	slices := factory.InformerFor(&discoveryv1.EndpointSlice{}, func(client kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
		source := cache.NewListWatchFromClient(client.DiscoveryV1().RESTClient(), "endpointslices", metav1.NamespaceAll, fields.Everything())
		return cache.NewSharedIndexInformer(o.view.Lists(source), &discoveryv1.EndpointSlice{}, resync, cache.Indexers{})
	})
	o.pods = pods.GetStore()
	later := func(apply func()) { o.late <- lateEvent{time.Now().Add(o.always), apply} }
	for informer, handler := range map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		factory.Core().V1().Services().Informer(): view.OnChange(o.view.SetService, func(service *corev1.Service) { o.view.DropService(service.Namespace, service.Name) }),
		slices: view.OnChange(
			func(slice *discoveryv1.EndpointSlice) { later(func() { o.view.SetSlice(slice) }) },
			func(slice *discoveryv1.EndpointSlice) { later(func() { o.view.DropSlice(slice) }) }),
		pods: view.OnChange(func(pod *corev1.Pod) {
			if pod.DeletionTimestamp != nil {
				_ = h.Follow(pod) // it only fails when the hub ends
			}
		}, func(pod *corev1.Pod) { h.Gone(string(pod.UID)) }),
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	o.working.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case event := <-o.late:
				time.Sleep(time.Until(event.due))
				time.Sleep(time.Until(o.stalled()))
				event.apply()
			}
		}
	})
	factory.Start(ctx.Done())
	o.working.Go(factory.Shutdown)
	factory.WaitForCacheSync(ctx.Done())
	return ctx.Err()
}

// Pod, Read, Service and Event implement hub.Cluster.

func (o *ownHub) Pod(namespace, name string) *corev1.Pod {
	object, there, err := o.pods.GetByKey(namespace + "/" + name)
	if err != nil || !there {
		return nil
	}
	return object.(*corev1.Pod)
}

func (o *ownHub) Read(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	return o.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
}

func (o *ownHub) Service(ctx context.Context, namespace, name string) (*corev1.Service, error) {
	service, err := o.client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // see hub.Cluster
	}
	return service, err
}

func (o *ownHub) Event(*corev1.Pod, string, string, string) {}

// Began, Found and Gone implement hub.Observer.

func (o *ownHub) Began() {}
func (o *ownHub) Gone()  {}

// Found begins a stall, if there is none.
func (o *ownHub) Found(outcome hub.Outcome, _ time.Duration) {
	if o.stalls == nil || outcome != hub.Confirmed {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.After(o.until) {
		o.began, o.until = now, now.Add(o.stalls())
	}
}

// Review has the API server check a token.
func (o *ownHub) Review(ctx context.Context, review *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
	return o.client.AuthenticationV1().TokenReviews().Create(ctx, review, metav1.CreateOptions{})
}
