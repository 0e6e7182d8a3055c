package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync"
	"time"
)

// balancer is a cloud's load balancer with pods for targets: a target that it was told to leave gets no
// new connection, and for a time of its own requests over those that stand.
type balancer struct {
	table *table
	delay time.Duration

	mu      sync.Mutex
	turn    int
	targets map[string]*target
}

type target struct {
	transport *http.Transport
	mu        sync.Mutex
	until     time.Time // it is left, and this is when its delay is over; zero: it is not
}

// errLeft is what dialling a target gives that the balancer was told to leave.
var errLeft = errors.New("the target is being left")

func newTarget() *target {
	t := &target{}
	t.transport = &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if !t.deadline().IsZero() {
				return nil, errLeft
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
	return t
}

func (t *target) deadline() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until
}

func (t *target) leave(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = until
}

// choose gives the next target: a ready one, or unless ready is set one that is being left.
func (b *balancer) choose(ready bool) (address string, chosen *target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.table.endpoints()
	candidates := slices.Clone(known)
	for _, address := range known {
		if b.targets[address] == nil {
			b.targets[address] = newTarget()
		}
		b.targets[address].leave(time.Time{})
	}
	for address, t := range b.targets {
		if slices.Contains(known, address) {
			continue
		}
		if t.deadline().IsZero() {
			t.leave(time.Now().Add(b.delay))
		}
		switch {
		case time.Now().After(t.deadline()):
			t.transport.CloseIdleConnections()
			delete(b.targets, address)
		case !ready:
			candidates = append(candidates, address)
		}
	}
	if len(candidates) == 0 {
		return "", nil
	}
	slices.Sort(candidates)
	b.turn++
	address = candidates[b.turn%len(candidates)]
	return address, b.targets[address]
}

// maxBody bounds a request's body, which is kept until a target has taken it.
const maxBody = 1 << 20

func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
			return nil, err
		}
	}
	for ready := false; ; ready = true {
		address, chosen := b.choose(ready)
		if chosen == nil {
			return nil, errors.New("no target")
		}
		once := r.Clone(r.Context())
		once.URL.Host, once.GetBody = address, nil // no silent retry of requests with a body
		once.Body = io.NopCloser(bytes.NewReader(body))
		if len(body) == 0 {
			once.Body = http.NoBody
		}
		response, err := chosen.transport.RoundTrip(once)
		if !errors.Is(err, errLeft) {
			return response, err
		}
		if ready {
			return nil, fmt.Errorf("%s: %w", address, err)
		}
	}
}

// balance sends each request once, to the next target that may have it.
func balance(t *table, delay time.Duration) http.Handler {
	return &httputil.ReverseProxy{
		Transport: &balancer{table: t, delay: delay, targets: map[string]*target{}},
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme = "http" },
	}
}
