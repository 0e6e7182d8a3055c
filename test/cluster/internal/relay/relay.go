// Package relay is a relay between one node's kube-proxy and the API server that can disturb kube-proxy's watches:
// delay them, cut them, or answer that their place in the stream is gone, so that kube-proxy must list again. It speaks
// HTTP on both sides, because only an answer (410 Gone) makes a client list; after a broken connection it resumes
// where it was.
package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"sync"
	"syscall"
	"time"
)

// Relay is a reverse proxy with faults. Without a fault it forwards everything unchanged and at once.
type Relay struct {
	proxy  *httputil.ReverseProxy
	faults faults
}

// Fault is what a relay does to the watches of one resource.
type Fault struct {
	// Resource is the plural name, such as endpointslices.
	Resource string `json:"resource"`
	// Delay delays everything that the API server sends on a watch, in order. What is already in the relay keeps the
	// delay it arrived under.
	Delay time.Duration `json:"delay,omitempty"`
}

// New returns a relay to server over transport, which authenticates as kube-proxy.
func New(server *url.URL, transport http.RoundTripper, log *slog.Logger) *Relay {
	r := &Relay{}
	r.faults.delays = map[string]time.Duration{}
	r.faults.watches = map[*watch]struct{}{}
	r.faults.gone = map[string]int{}
	r.proxy = &httputil.ReverseProxy{
		Rewrite:       func(request *httputil.ProxyRequest) { request.SetURL(server) },
		Transport:     transport,
		FlushInterval: -1, // every event at once
		ModifyResponse: func(response *http.Response) error {
			if resource, isWatch := watched(response.Request.URL); isWatch && response.StatusCode == http.StatusOK {
				response.Body = r.faults.open(resource, response.Body)
			}
			return nil
		},
		ErrorHandler: func(response http.ResponseWriter, request *http.Request, err error) {
			log.Info("the API server did not answer", "path", request.URL.Path, "error", err)
			// A client whose watch is refused a connection resumes where it was, without a list. kube-proxy's own
			// connection was not refused, but this answer makes it do the same.
			if _, isWatch := watched(request.URL); isWatch && errors.Is(err, syscall.ECONNREFUSED) {
				refuse(response, http.StatusTooManyRequests, "TooManyRequests", "the API server refuses connections")
				return
			}
			panic(http.ErrAbortHandler)
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelInfo),
	}
	return r
}

// Delay delays what comes on watches of the fault's resource.
func (r *Relay) Delay(fault Fault) error { return r.faults.set(fault) }

// ServeHTTP forwards a request, unless a fault answers it.
func (r *Relay) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	if resource, isWatch := watched(request.URL); isWatch && r.faults.takeGone(resource) {
		refuse(response, http.StatusGone, "Expired", "too old resource version, says the relay")
		return
	}
	r.proxy.ServeHTTP(response, request)
}

// refuse answers as the API server does.
func refuse(response http.ResponseWriter, code int, reason, message string) {
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(code)
	fmt.Fprintf(response, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`,
		reason, message, code)
}

// watched returns the resource that a request watches.
func watched(u *url.URL) (resource string, isWatch bool) {
	watch := u.Query().Get("watch")
	return path.Base(u.Path), watch == "true" || watch == "1"
}

// faults are the orders in force and the watches that they apply to.
type faults struct {
	mu      sync.Mutex
	delays  map[string]time.Duration
	gone    map[string]int // resource -> how many of its watches to answer with 410
	watches map[*watch]struct{}
}

func (f *faults) set(fault Fault) error {
	if fault.Resource == "" || fault.Delay < 0 {
		return fmt.Errorf("a fault needs a resource and a delay that is not negative")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delays[fault.Resource] = fault.Delay
	return nil
}

func (f *faults) delay(resource string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.delays[resource]
}

// cut ends the open watches of resource, and returns how many. With gone, as many of the next ones are answered 410.
func (f *faults) cut(resource string, gone bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := 0
	for w := range f.watches {
		if w.resource == resource {
			w.cancel()
			count++
		}
	}
	if gone {
		f.gone[resource] = max(count, 1)
	}
	return count
}

func (f *faults) takeGone(resource string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone[resource] == 0 {
		return false
	}
	f.gone[resource]--
	return true
}

func (f *faults) open(resource string, body io.ReadCloser) io.ReadCloser {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{resource: resource, body: body, cancel: cancel, ctx: ctx, faults: f, chunks: make(chan chunk, 4096)}
	f.mu.Lock()
	f.watches[w] = struct{}{}
	f.mu.Unlock()
	go w.pump()
	return w
}
