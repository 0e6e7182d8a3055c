// Command router is a router for lameduck's proofs: like an ingress controller it watches a
// Service's EndpointSlices, sends requests to the pods' own addresses over kept connections, and
// learns of a change as late as it is told to. With --resolve it is a client of a
// headless Service instead: it looks up the Service's name at an interval. With --proxy it only passes
// the changes to nginx, HAProxy or Envoy, as their controllers do, and these send the requests. With
// --delay it is a cloud's load balancer, which runs outside the cluster.
//
// It can be late by an exact time, which no real router can.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

type config struct {
	port               int
	namespace, service string
	target             string
	late, resolve      time.Duration
	delay              time.Duration
	kubeconfig         string
	fresh              bool
	proxy              string
}

func main() {
	var c config
	flag.IntVar(&c.port, "port", 8080, "port to listen on")
	flag.StringVar(&c.namespace, "namespace", "", "namespace of the Service (required)")
	flag.StringVar(&c.service, "service", "", "the Service whose pods get the requests (required)")
	flag.StringVar(&c.target, "target-port", "8080", "the pods' port")
	flag.DurationVar(&c.late, "late", 0, "how much later than the API server it learns of a change")
	flag.DurationVar(&c.resolve, "resolve", 0, "look the Service's name up this often, and watch nothing")
	flag.BoolVar(&c.fresh, "fresh", false, "open a connection for each request, and have the pod close it")
	flag.DurationVar(&c.delay, "delay", 0, "go on over connections that stand for this long once it knows of a change, and open none: a load balancer")
	flag.StringVar(&c.kubeconfig, "kubeconfig", "", "how to reach the API server from outside the cluster")
	flag.StringVar(&c.proxy, "proxy", "", "let this proxy send the requests: nginx, haproxy or envoy, which listen on 8080")
	flag.Parse()
	if _, known := planes[c.proxy]; c.namespace == "" || c.service == "" || c.proxy != "" && !known {
		fmt.Fprintln(os.Stderr, "router: --namespace and --service are required, and --proxy has to be nginx, haproxy or envoy")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, c)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "router:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config) error {
	t := &table{port: c.target}
	if c.resolve > 0 {
		go resolve(ctx, c, t)
	} else if err := watch(ctx, c, t); err != nil {
		return err
	}
	if c.proxy != "" {
		return planes[c.proxy].run(ctx, t)
	}
	front := handler(t, c.fresh)
	if c.delay > 0 {
		front = balance(t, c.delay)
	}
	server := &http.Server{Addr: fmt.Sprintf(":%d", c.port), Handler: front, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Shutdown(context.WithoutCancel(ctx))
	}
}

// resolve keeps t at the last lookup of the Service's name; after a failed lookup it stays as it was.
func resolve(ctx context.Context, c config, t *table) {
	host := c.service + "." + c.namespace + ".svc.cluster.local."
	for ctx.Err() == nil {
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		pause := c.resolve
		if err != nil {
			fmt.Fprintln(os.Stderr, "router:", err)
			pause = 100 * time.Millisecond
		} else {
			t.change(host, addresses)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func watch(ctx context.Context, c config, t *table) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig) // without one: a pod's own
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return follow(ctx, client, c, t)
}

// follow keeps t as the Service's slices were c.late ago.
func follow(ctx context.Context, client kubernetes.Interface, c config, t *table) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(c.namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = discoveryv1.LabelServiceName + "=" + c.service }))
	informer := factory.Discovery().V1().EndpointSlices().Informer()
	var known atomic.Bool // that the first list is over: what it has is known at once
	later := func(change func()) {
		if !known.Load() {
			change()
			return
		}
		time.AfterFunc(c.late, change)
	}
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { later(func() { t.set(object.(*discoveryv1.EndpointSlice)) }) },
		UpdateFunc: func(_, object any) { later(func() { t.set(object.(*discoveryv1.EndpointSlice)) }) },
		DeleteFunc: func(object any) {
			if slice, ok := object.(*discoveryv1.EndpointSlice); ok {
				later(func() { t.drop(slice.Name) })
			}
		},
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return errors.New("the slices could not be listed")
	}
	known.Store(true)
	return nil
}

// table holds the ready endpoints of each slice.
type table struct {
	port string

	mu      sync.Mutex
	turn    int
	slices  map[string][]string
	all     []string
	changed chan struct{} // closed at the next change
}

func (t *table) set(slice *discoveryv1.EndpointSlice) {
	var ready []string
	for _, endpoint := range slice.Endpoints {
		if len(endpoint.Addresses) > 0 && (endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready) {
			ready = append(ready, endpoint.Addresses[0])
		}
	}
	t.change(slice.Name, ready)
}

func (t *table) drop(name string) { t.change(name, nil) }

func (t *table) change(name string, ready []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.slices == nil {
		t.slices = map[string][]string{}
	}
	t.slices[name] = ready
	t.all = nil
	for _, of := range t.slices {
		for _, address := range of {
			t.all = append(t.all, net.JoinHostPort(address, t.port))
		}
	}
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// endpoints returns all endpoints in a stable order.
func (t *table) endpoints() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(slices.Values(t.all))
}

// nextChange returns a channel that is closed at the next change.
func (t *table) nextChange() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}

// nextEndpoint returns the endpoints in turn; "" when there is none.
func (t *table) nextEndpoint() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) == 0 {
		return ""
	}
	t.turn++
	return t.all[t.turn%len(t.all)]
}

// handler sends each request once, to the next endpoint, over a kept connection unless fresh is set.
func handler(t *table, fresh bool) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true, DisableKeepAlives: fresh},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: t.nextEndpoint()})
			r.Out.GetBody = nil // no silent retry of requests with a body
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/", proxy)
	return mux
}
