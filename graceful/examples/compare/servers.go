package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cloudflare/tableflip"
	"github.com/oklog/run"
	ory "github.com/ory/graceful"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	tylerb "gopkg.in/tylerb/graceful.v1"

	"github.com/lameduck-dev/lameduck/graceful"
)

// limit is how long each server may take to stop: the same for all.
const limit = 8 * time.Second

// servers run the same handler until SIGTERM, each in the way that its library's documents show, with streams
// that are ended by RegisterOnShutdown, or by Group.Stream.
var servers = []struct {
	name  string
	serve func(address string, srv *http.Server) error
}{
	{"Shutdown", shutdown},
	{"ory/graceful", serveOry},
	{"tylerb/graceful", serveTylerb},
	{"oklog/run", serveRun},
	{"fx", serveFx},
	{"tableflip", serveTableflip},
	{"graceful", serveGraceful},
}

// handler answers what the cases ask for. The function that stream gets ends one that lasts.
func handler(stream func(end func()) (done func())) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintln(w, n)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(2 * time.Second)
		fmt.Fprintln(w, "slow")
	})
	mux.HandleFunc("/never", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		ended := make(chan struct{})
		defer stream(func() { close(ended) })()
		_ = http.NewResponseController(w).Flush()
		select {
		case <-ended:
			fmt.Fprintln(w, "bye")
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/socket", func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		ended := make(chan struct{})
		defer stream(func() { close(ended) })()
		<-ended
		time.Sleep(100 * time.Millisecond) // its client's last message
		fmt.Fprintln(c, "1001")
	})
	return mux
}

// onShutdown ends what lasts by net/http's own means.
func onShutdown(srv *http.Server) func(end func()) (done func()) {
	return func(end func()) (done func()) {
		srv.RegisterOnShutdown(end)
		return func() {}
	}
}

func shutdown(address string, srv *http.Server) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	srv.Addr = address
	failed := make(chan error, 1)
	go func() { failed <- srv.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return shut(srv)
}

func shut(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return srv.Shutdown(ctx)
}

func serveOry(address string, srv *http.Server) error {
	srv.Addr = address
	ory.DefaultShutdownTimeout = limit
	return ory.Graceful(srv.ListenAndServe, srv.Shutdown)
}

func serveTylerb(address string, srv *http.Server) error {
	srv.Addr = address
	return (&tylerb.Server{Timeout: limit, Server: srv}).ListenAndServe()
}

func serveRun(address string, srv *http.Server) error {
	srv.Addr = address
	var g run.Group
	g.Add(run.SignalHandler(context.Background(), syscall.SIGTERM, os.Interrupt))
	g.Add(srv.ListenAndServe, func(error) { _ = shut(srv) })
	err := g.Run()
	if signalled := (*run.SignalError)(nil); errors.As(err, &signalled) {
		return nil
	}
	return err
}

func serveFx(address string, srv *http.Server) error {
	app := fx.New(fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }), fx.StopTimeout(limit), fx.Invoke(func(life fx.Lifecycle) {
		life.Append(fx.Hook{
			OnStart: func(context.Context) error {
				l, err := net.Listen("tcp", address)
				if err == nil {
					go func() { _ = srv.Serve(l) }()
				}
				return err
			},
			OnStop: srv.Shutdown,
		})
	}))
	app.Run()
	return app.Err()
}

func serveTableflip(address string, srv *http.Server) error {
	upgrades, err := tableflip.New(tableflip.Options{})
	if err != nil {
		return err
	}
	defer upgrades.Stop()
	go func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		<-signals
		upgrades.Stop()
	}()
	l, err := upgrades.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() { _ = srv.Serve(l) }()
	if err := upgrades.Ready(); err != nil {
		return err
	}
	<-upgrades.Exit()
	return shut(srv)
}

func serveGraceful(address string, srv *http.Server) error {
	srv.Addr = address
	g := graceful.Group{Grace: limit}
	srv.Handler = handler(g.Stream)
	g.Serve(srv)
	return g.Run(context.Background())
}
