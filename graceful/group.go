package graceful

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// ListenAndServe serves srv until the process gets SIGTERM or SIGINT, stops it without losing a
// request, and returns nil. It serves TLS if srv.TLSConfig is set. An error says what could not
// start, or what was still running at its deadline.
func ListenAndServe(srv *http.Server) error {
	var g Group
	g.Serve(srv)
	return g.Run(context.Background())
}

// A Group is what a process runs and how it stops. The zero value is ready to use. Fields are set,
// and servers, workers and closers added, before Run; a Group runs once and is not copied.
type Group struct {
	// Grace is the time from the signal to SIGKILL; everything ends before it, by a margin of a
	// tenth, 2 s at most. The default is the environment's LAMEDUCK_STOP, a duration such as 20s;
	// without that 30 s in Kubernetes and 10 s elsewhere, the defaults of Kubernetes and Docker.
	Grace time.Duration

	// Wait is the least time as a lame duck, for routers that may not know yet that the process
	// leaves; half of Grace at the most. Negative means none. The default is 15 s in Kubernetes if
	// LAMEDUCK_STOP is not set: nothing has waited for the routers then. Elsewhere it is none.
	Wait time.Duration

	// Quiet is how long nothing may arrive before the listeners close, and how long a connection
	// must have been idle before it is closed. The default is 1 s. It is not waited for where no
	// connection is open.
	Quiet time.Duration

	// Spread is the longest time over which streams are told to end, so that their clients do not
	// all come back at the same moment. The default is a quarter of the time that is left for the
	// drain; a few streams take less: 5 ms each.
	Spread time.Duration

	// Unready makes Ready answer 503 from the signal on: for routers that learn by it that the
	// process leaves. Kubernetes does not need it, and sends to such pods if no other is ready.
	Unready bool

	// Signals stop the group. The default is SIGTERM and SIGINT; empty but not nil means none.
	Signals []os.Signal

	// Logger gets one line when the group has stopped. The default is slog.Default().
	Logger *slog.Logger

	servers []member[Server]
	workers []member[func(context.Context) error]
	closers []member[func(context.Context) error]
	streams streams

	began    atomic.Bool
	times    schedule
	waitEnd  time.Time // of the least time as a lame duck; set before stopping is
	stopping atomic.Bool
	flight   flight
}

// member is something of a group, with its name.
type member[T any] struct {
	name string
	is   T
}

// A Server serves until it is told to stop, in two steps. [Group.Serve] makes one of an
// http.Server; graceful/contrib has others.
type Server interface {
	// Serve serves until Drain has been called, and then returns nil.
	Serve() error
	// LameDuck tells clients to leave, and goes on serving. It returns when nothing arrives any
	// more, or when ctx is done.
	LameDuck(ctx context.Context)
	// Drain accepts no more, and returns when all that was in flight has finished. When ctx is
	// done it cuts what is left, and returns an error that says what that was.
	Drain(ctx context.Context) error
}

// Serve adds an HTTP server, on the given listeners or else on srv.Addr, with TLS if srv.TLSConfig is
// set. The group sets srv's Handler, ConnState, ConnContext and BaseContext, and calls those that are
// there; srv is not to be used otherwise. [http.Server.RegisterOnShutdown]'s functions run during the
// drain.
func (g *Group) Serve(srv *http.Server, listeners ...net.Listener) {
	g.Add("http "+serverName(srv, listeners), newHTTPServer(g, srv, listeners))
}

// Add adds a server of another kind. The name is for the log.
func (g *Group) Add(name string, s Server) {
	g.servers = append(g.servers, member[Server]{name, s})
}

// Go adds a worker: run is called by Run, and its context is cancelled once the servers have drained.
// If it returns an error before that, the whole group stops; if it returns nil, the worker is done.
func (g *Group) Go(name string, run func(ctx context.Context) error) {
	g.workers = append(g.workers, member[func(context.Context) error]{name, run})
}

// Defer adds a closer: it is called when the servers and workers have stopped, the one added last first.
func (g *Group) Defer(name string, closer func(ctx context.Context) error) {
	g.closers = append(g.closers, member[func(context.Context) error]{name, closer})
}

// Ready answers readiness probes: 200 while the process accepts requests, as it does while it is a lame
// duck; but see Unready. Requests to it do not count as traffic when the group waits for quiet.
func (g *Group) Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.stopping.Load() {
			if s := g.serverOf(r); s != nil {
				s.arrivals.Add(-1)
			}
			if g.Unready {
				http.Error(w, "stopping", http.StatusServiceUnavailable)
				return
			}
		}
		w.WriteHeader(http.StatusOK)
	})
}

// serverOf is the group's server that got the request, nil if it was another one.
func (g *Group) serverOf(r *http.Request) *httpServer {
	srv := r.Context().Value(http.ServerContextKey)
	for _, m := range g.servers {
		if s, ok := m.is.(*httpServer); ok && s.srv == srv {
			return s
		}
	}
	return nil
}
