package graceful

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/backlog"
)

const (
	sweepPause   = 10 * time.Millisecond
	defaultQuiet = time.Second
)

// httpServer is an http.Server in a group.
type httpServer struct {
	group     *Group
	srv       *http.Server
	listeners []net.Listener
	conns     conns
	arrivals  atomic.Int64 // requests while the group stops, but those to Ready
	draining  chan struct{}
	serving   chan []*backlog.Listener // gets one value: what Serve serves on
	cut       context.CancelCauseFunc  // the contexts of all requests
}

func serverName(srv *http.Server, listeners []net.Listener) string {
	switch {
	case len(listeners) > 0:
		return listeners[0].Addr().String()
	case srv.Addr == "" && srv.TLSConfig == nil:
		return ":http"
	case srv.Addr == "":
		return ":https"
	}
	return srv.Addr
}

// newHTTPServer puts itself between net/http and what srv was given.
func newHTTPServer(g *Group, srv *http.Server, listeners []net.Listener) *httpServer {
	s := &httpServer{group: g, srv: srv, listeners: listeners, draining: make(chan struct{}), serving: make(chan []*backlog.Listener, 1)}

	handler := srv.Handler
	if handler == nil {
		handler = http.DefaultServeMux
	}
	srv.Handler = g.count(handler, s.arrive)

	// Its functions get the connections that they would get without a group.
	if known := srv.ConnState; known != nil {
		srv.ConnState = func(nc net.Conn, state http.ConnState) {
			s.enter(nc, state)
			known(accepted(nc), state)
		}
	} else {
		srv.ConnState = s.enter
	}
	if known := srv.ConnContext; known != nil {
		srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context { return known(ctx, accepted(nc)) }
	}
	base := srv.BaseContext
	all, cut := context.WithCancelCause(context.Background())
	s.cut = cut
	srv.BaseContext = func(l net.Listener) context.Context {
		if base == nil {
			return all
		}
		ctx, cancel := context.WithCancelCause(base(l))
		context.AfterFunc(all, func() { cancel(context.Cause(all)) })
		return ctx
	}
	return s
}

// accepted is the connection as the listener gave it, below TLS as net/http has it.
func accepted(nc net.Conn) net.Conn {
	if c, ok := nc.(*conn); ok {
		return c.Conn
	}
	return nc
}

// arrive notes a request that comes while the group stops. HTTP/2 without TLS has had its GOAWAY.
func (s *httpServer) arrive(w http.ResponseWriter, r *http.Request) {
	s.arrivals.Add(1)
	if r.ProtoMajor < 2 || r.TLS != nil {
		w.Header().Set("Connection", "close")
	}
}

func (s *httpServer) enter(nc net.Conn, state http.ConnState) {
	if c := ours(nc); c != nil {
		if t, ok := nc.(*tls.Conn); ok && state == http.StateNew {
			c.tls = t
		}
		c.enter(state)
	}
}

// listener gives the server connections that the group knows.
type listener struct {
	*backlog.Listener
	conns *conns
}

func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.conns.add(nc), nil
}

// Serve listens if that was not done, and serves.
func (s *httpServer) Serve() error {
	var on []*backlog.Listener
	for _, l := range s.listeners {
		on = append(on, backlog.New(l))
	}
	if len(on) == 0 {
		l, err := backlog.Listen(serverName(s.srv, nil))
		if err != nil {
			s.serving <- nil
			return err
		}
		on = append(on, l)
	}
	s.conns.secure = s.srv.TLSConfig != nil // looked at once: serving the first listener sets one
	s.serving <- on
	errs := make(chan error, len(on))
	for _, l := range on {
		go func() {
			if s.conns.secure {
				errs <- s.srv.ServeTLS(listener{l, &s.conns}, "", "")
			} else {
				errs <- s.srv.Serve(listener{l, &s.conns})
			}
		}()
	}
	var failed error
	for range on {
		err := <-errs
		select {
		case <-s.draining:
		default:
			failed = errors.Join(failed, err)
			for _, l := range on {
				_ = l.Close()
			}
		}
	}
	return failed
}

// LameDuck waits until nothing has arrived for the group's Quiet; at once, if no connection is open.
func (s *httpServer) LameDuck(ctx context.Context) {
	s.conns.leave()
	var arrivals int64
	last := time.Now()
	for {
		now := time.Now()
		seen := s.conns.sweep(now, s.quiet())
		if n := s.arrivals.Load(); n != arrivals || seen.fresh > 0 {
			arrivals, last = n, now
		}
		if !now.Before(s.group.waitEnd) && (seen.open == 0 || now.Sub(last) >= s.quiet()) {
			return
		}
		sleep(ctx, sweepPause)
		if ctx.Err() != nil {
			return
		}
	}
}

func (s *httpServer) quiet() time.Duration {
	if s.group.Quiet > 0 {
		return s.group.Quiet
	}
	return defaultQuiet
}

// Drain empties the listeners' queues and closes them, lets connections end as they become idle, and then
// has net/http shut down what is left: HTTP/2.
func (s *httpServer) Drain(ctx context.Context) error {
	close(s.draining)
	var closing tasks
	for _, l := range <-s.serving {
		closing.run("", l.Drain)
	}
	closing.wait(ctx, 0)

	half := time.Now()
	if end, ok := ctx.Deadline(); ok {
		half = half.Add(time.Until(end) / 2)
	}
	shutdown := make(chan error, 1)
	called, done := false, false
	for {
		now := time.Now()
		seen := s.conns.sweep(now, s.quiet())
		for _, c := range seen.idle {
			c.wake()
		}
		// Shutdown closes what is idle at once, and drops requests that it has read in part. It has to
		// come before the end, since functions that end streams may be registered with it.
		if !called && (seen.http1 == 0 || now.After(half)) {
			called = true
			go func() { shutdown <- s.srv.Shutdown(ctx) }()
		}
		if done && seen.open == 0 {
			s.cut(nil)
			return nil
		}
		select {
		case err := <-shutdown:
			done = err == nil
		case <-time.After(sweepPause):
		case <-ctx.Done():
			return s.abort(ctx)
		}
	}
}

// abort cancels what is in flight, and closes all connections.
func (s *httpServer) abort(ctx context.Context) error {
	seen := s.conns.sweep(time.Now(), 0)
	s.cut(context.Cause(ctx))
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		time.Sleep(s.group.times.moment / 2) // for handlers to return
	}
	_ = s.srv.Close()
	for _, c := range s.conns.list() {
		_ = c.Close()
	}
	if seen.busy > 0 {
		return fmt.Errorf("cut %d connections, of which %d were hijacked: %w", seen.busy, seen.hijacked, context.Cause(ctx))
	}
	return nil
}
