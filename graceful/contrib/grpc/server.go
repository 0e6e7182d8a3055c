// Package gracefulgrpc stops a grpc-go server as part of a graceful.Group.
//
//	var g graceful.Group
//	g.Add("grpc :9090", &gracefulgrpc.Server{Server: srv, Addr: ":9090", Health: health})
//	err := g.Run(ctx)
//
// As a lame duck the server's health is NOT_SERVING, and it goes on accepting. Then the connections that
// wait in the listener's queue are accepted, and [grpc.Server.GracefulStop] tells clients to leave,
// and waits for their calls. It has no deadline of its own: at that of the drain, Stop cuts what is left.
package gracefulgrpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"github.com/lameduck-dev/lameduck/graceful"
	"github.com/lameduck-dev/lameduck/graceful/backlog"
)

var _ graceful.Server = (*Server)(nil)

// Server is a gRPC server in a group. It serves on Listener, or else on Addr. With neither, an http.Server
// of the group serves it by ServeHTTP, and drains it.
type Server struct {
	Server   *grpc.Server
	Addr     string
	Listener net.Listener
	Health   *health.Server // optional

	prepare  sync.Once
	draining chan struct{}
	ready    chan *backlog.Listener // gets what Serve serves on, once
	starting atomic.Int64           // connections that were accepted, and are not yet in the server's hands
}

func (s *Server) init() {
	s.prepare.Do(func() {
		s.draining = make(chan struct{})
		s.ready = make(chan *backlog.Listener, 1)
	})
}

// Serve serves until Drain is called.
func (s *Server) Serve() error {
	s.init()
	if s.Listener == nil && s.Addr == "" {
		s.ready <- nil
		<-s.draining
		return nil
	}
	var l *backlog.Listener
	if s.Listener != nil {
		l = backlog.New(s.Listener)
	} else {
		var err error
		if l, err = backlog.Listen(s.Addr); err != nil {
			s.ready <- nil
			return err
		}
	}
	s.ready <- l
	err := s.Server.Serve(counted{l, &s.starting})
	select {
	case <-s.draining:
		return nil
	default:
		return err
	}
}

// LameDuck sets the health of all services to NOT_SERVING. gRPC has no way to make a client leave while the
// server accepts: so it is told in the drain.
func (s *Server) LameDuck(context.Context) {
	if s.Health != nil {
		s.Health.Shutdown()
	}
}

// Drain stops the server. When ctx is done, it cuts the calls that are left.
func (s *Server) Drain(ctx context.Context) error {
	s.init()
	close(s.draining)
	l := <-s.ready
	if l == nil {
		return nil // never served, or by net/http, where GracefulStop panics
	}
	if err := l.Drain(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	s.waitForStarting(ctx)
	stopped := make(chan error, 1)
	go func() {
		// Also served by ServeHTTP, it panics.
		defer func() {
			if p := recover(); p != nil {
				stopped <- fmt.Errorf("grpc.Server.GracefulStop: %v", p)
			}
			close(stopped)
		}()
		s.Server.GracefulStop()
	}()
	select {
	case err := <-stopped:
		if err != nil {
			s.Server.Stop()
		}
		return err
	case <-ctx.Done():
		s.Server.Stop()
		return fmt.Errorf("cut calls in flight: %w", context.Cause(ctx))
	}
}

// startTime is for how long the server may take to begin with what it has accepted.
const startTime = time.Second

// waitForStarting waits until the server has begun with all connections: it closes those with which it has
// not when it is stopped.
func (s *Server) waitForStarting(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.starting.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// counted counts connections from Accept to the first that the server does with them.
type counted struct {
	net.Listener
	starting *atomic.Int64
}

func (l counted) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.starting.Add(1)
	return &conn{Conn: nc, begun: sync.OnceFunc(func() { l.starting.Add(-1) })}, nil
}

type conn struct {
	net.Conn
	begun func()
}

// SetDeadline is what the server does first.
func (c *conn) SetDeadline(t time.Time) error { c.begun(); return c.Conn.SetDeadline(t) }

// Close closes.
func (c *conn) Close() error { c.begun(); return c.Conn.Close() }
