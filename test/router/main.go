// Command router is a router for lameduck's proofs: like an ingress controller it watches a
// Service's EndpointSlices, sends requests to the pods' own addresses over connections that it
// keeps, and is as late to learn of a change as it is told to be.
//
// Routers that people use are proved with besides; this one can be late by an exact time.
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
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

type config struct {
	port               int
	namespace, service string
	target             string
	late               time.Duration
}

func main() {
	var c config
	flag.IntVar(&c.port, "port", 8080, "port to listen on")
	flag.StringVar(&c.namespace, "namespace", "", "namespace of the Service (required)")
	flag.StringVar(&c.service, "service", "", "the Service whose pods get the requests (required)")
	flag.StringVar(&c.target, "target-port", "8080", "the pods' port")
	flag.DurationVar(&c.late, "late", 0, "how much later than the API server it knows of a change")
	flag.Parse()
	if c.namespace == "" || c.service == "" {
		fmt.Fprintln(os.Stderr, "router: --namespace and --service are required")
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
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	t := &table{port: c.target}
	if err := follow(ctx, client, c, t); err != nil {
		return err
	}
	server := &http.Server{Addr: fmt.Sprintf(":%d", c.port), Handler: handler(t), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Shutdown(context.WithoutCancel(ctx))
	}
}

// follow keeps t as the Service's slices were so long ago.
func follow(ctx context.Context, client kubernetes.Interface, c config, t *table) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(c.namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = discoveryv1.LabelServiceName + "=" + c.service }))
	informer := factory.Discovery().V1().EndpointSlices().Informer()
	var known atomic.Bool // what was there before is known at once
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

	mu     sync.Mutex
	turn   int
	slices map[string][]string
	all    []string
}

func (t *table) set(slice *discoveryv1.EndpointSlice) {
	var ready []string
	for _, endpoint := range slice.Endpoints {
		if len(endpoint.Addresses) > 0 && (endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready) {
			ready = append(ready, net.JoinHostPort(endpoint.Addresses[0], t.port))
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
		t.all = append(t.all, of...)
	}
}

// next takes the endpoints in turn; "" when there is none.
func (t *table) next() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) == 0 {
		return ""
	}
	t.turn++
	return t.all[t.turn%len(t.all)]
}

// handler sends each request to the next endpoint, over a connection that is kept, and once.
func handler(t *table) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: t.next()})
			r.Out.GetBody = nil // no silent second try of what has a body
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/", proxy)
	return mux
}
