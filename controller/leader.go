package controller

import (
	"context"
	"crypto/hpke"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/dns"
	"github.com/lameduck-dev/lameduck/controller/hub"
	"github.com/lameduck-dev/lameduck/controller/peers"
	"github.com/lameduck-dev/lameduck/controller/restore"
	"github.com/lameduck-dev/lameduck/controller/routers"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/registry/kinds"
)

// leader is what only the leading replica does: it runs hub and barrier, and points the hub's
// Service at itself. Its informers run on every replica, so that a new leader starts warm.
type leader struct {
	options   Options
	ip        netip.Addr
	addresses map[corev1.IPFamily]netip.Addr // ip, and one of the other family if there is one
	key       hpke.PrivateKey
	metrics   *metrics
	clientset kubernetes.Interface
	cache     cache.Cache
	events    record.EventRecorder
	election  *election
	refuse    context.CancelCauseFunc // ends this replica

	view    *view.View
	nodes   nodes
	pods    pods
	routers *routers.Asker
	hub     hubObjects
	seen    []toolscache.InformerSynced // whether the above have seen everything that there was

	mu      sync.Mutex
	leading *leading // nil while another replica leads
}

// leading is what there is only while this replica leads.
type leading struct {
	*tenure
	since    time.Time
	barriers *barriers
}

// stand gives the election in which this replica is a candidate. Its calls have a client of their
// own, which gives up in time.
func (l *leader) stand() (*election, error) {
	config := rest.CopyConfig(l.options.Config)
	config.Timeout = leaseTimeout
	clientset, err := kubernetes.NewForConfig(rest.AddUserAgent(config, "election"))
	if err != nil {
		return nil, fmt.Errorf("connecting to the API server: %w", err)
	}
	identity := l.options.Pod.Name + "_" + string(uuid.NewUUID())
	return newElection(clientset, l.options.Namespace, identity, l.options.Log, l.lead), nil
}

// lead works until ctx is done.
func (l *leader) lead(ctx context.Context, tenure *tenure) error {
	if !l.cache.WaitForCacheSync(ctx) || !toolscache.WaitForCacheSync(ctx.Done(), l.seen...) {
		return nil
	}
	// What is begun here ends when serving does, also when that fails by itself: a replica that can't
	// serve must not keep the lease.
	ctx, stop := context.WithCancel(ctx)
	barriers := l.startBarriers(ctx)
	defer barriers.wait()
	// The family of most clusters, and the first of the others: begun before anybody asks.
	barriers.of(familyOf(l.ip))
	restorer := restore.New(restore.Config{
		Servers: l.options.Registries,
		Secret:  l.secret,
		Open:    kinds.All.Open,
		Event:   l.Event,
		Log:     l.options.Log,
	})
	defer restorer.Close()
	h := hub.New(hub.Config{
		View:     l.view,
		Barriers: func(family corev1.IPFamily) hub.Barrier { return barriers.of(family) },
		Marks:    barrier.NewKubeMark(l.clientset, l.options.BarrierNamespace),
		Late:     func(namespace string) bool { return barrier.Late(l.options.BarrierNamespace, namespace) },
		Cluster:  l,
		Observer: l.metrics,
		Recorder: restorer,
		Peers:    peers.New(l, l),
		Routers:  l.routers,
		DNS:      &dns.Asker{Domain: dns.Domain("/etc/resolv.conf"), Servers: func() []netip.AddrPort { return l.view.ReadyAt("kube-system", "kube-dns", "dns-tcp") }},
		Log:      l.options.Log,
	})
	defer h.Close()
	l.pods.follow(h, restorer)
	defer l.pods.follow(nil, nil)
	l.set(&leading{tenure: tenure, since: time.Now(), barriers: barriers})
	defer l.set(nil)
	var keeping sync.WaitGroup
	defer keeping.Wait()
	defer stop()
	keeping.Go(func() { l.keepHubService(ctx) })
	keeping.Go(func() { barriers.tidy(ctx) })
	keeping.Go(func() { barriers.followProxyMode(ctx) })
	keeping.Go(func() { l.countPods(ctx) })
	keeping.Go(func() { barriers.countLeftovers(ctx) })
	return l.serve(ctx, tenure.loosely(hub.NewServer(h, l.key, hub.NewIdentities(l))))
}

func (l *leader) set(now *leading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leading = now
}

func (l *leader) now() *leading {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leading
}

// serve answers agents until ctx is done.
func (l *leader) serve(ctx context.Context, handler http.Handler) error {
	server := &http.Server{
		Addr: listen(l.options.HubPort), Handler: handler,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 8 << 10,
		WriteTimeout: hubapi.MaxWait + 10*time.Second,
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", server.Addr)
	if err != nil {
		return fmt.Errorf("serving the hub: %w", err)
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(hub.Bound(listener)) }()
	l.options.Log.Info("hub: leading", "pod", l.options.Pod.Name, "address", server.Addr)
	select {
	case err := <-failed:
		return fmt.Errorf("serving the hub: %w", err)
	case <-ctx.Done():
	}
	// Agents that wait for an answer ask the next leader: nothing waits for them here.
	if err := server.Close(); err != nil {
		return fmt.Errorf("closing the hub: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the hub: %w", err)
	}
	return nil
}

// Pod gives a pod as it was last seen, or nil.
func (l *leader) Pod(namespace, name string) *corev1.Pod {
	var pod corev1.Pod
	if err := l.cache.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: name}, &pod); err != nil {
		return nil
	}
	return &pod
}

// Read reads a pod from the API, past the cache.
func (l *leader) Read(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	return l.clientset.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
}

// Service reads a Service from the API, past the cache.
func (l *leader) Service(ctx context.Context, namespace, name string) (*corev1.Service, error) {
	service, err := l.clientset.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // see hub.Cluster
	}
	return service, err
}

// Event writes an Event about the pod.
func (l *leader) Event(pod *corev1.Pod, eventType, reason, message string) {
	l.events.Event(pod, eventType, reason, message)
}

// secret reads a Secret of the controller's own namespace, past the cache: a Role has to allow it
// by name.
func (l *leader) secret(ctx context.Context, name string) (map[string][]byte, error) {
	secret, err := l.clientset.CoreV1().Secrets(l.options.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return secret.Data, nil
}

// Review has the API server check a token.
func (l *leader) Review(ctx context.Context, review *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
	done, err := l.clientset.AuthenticationV1().TokenReviews().Create(ctx, review, metav1.CreateOptions{})
	if err == nil {
		l.pods.heard.askedBy(done)
	}
	return done, err
}

func familyOf(ip netip.Addr) corev1.IPFamily {
	if ip.Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}
