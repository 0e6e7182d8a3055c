package gracefulgrpc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/lameduck-dev/lameduck/graceful"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow is a service whose calls wait until they may answer.
type slow struct {
	healthpb.UnimplementedHealthServer
	inside, leave chan struct{}
}

func (s slow) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	s.inside <- struct{}{}
	<-s.leave
	return &healthpb.HealthCheckResponse{}, nil
}

func slowServer() (*grpc.Server, slow) {
	srv, s := grpc.NewServer(), slow{inside: make(chan struct{}), leave: make(chan struct{})}
	healthpb.RegisterHealthServer(srv, s)
	return srv, s
}

// call begins a call, and returns once the server has it.
func (s slow) call(t *testing.T, address string) (answered chan error) {
	t.Helper()
	client := connect(t, address)
	answered = make(chan error, 1)
	go func() {
		_, err := client.Check(context.Background(), &healthpb.HealthCheckRequest{})
		answered <- err
	}()
	<-s.inside
	return answered
}

func group(grace time.Duration) *graceful.Group {
	return &graceful.Group{Grace: grace, Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler)}
}

func start(g *graceful.Group) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	return func() error { cancel(); return <-done }
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func connect(t *testing.T, address string) healthpb.HealthClient {
	t.Helper()
	c, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return healthpb.NewHealthClient(c)
}

// TestCallInFlight finishes, or is cut at the deadline.
func TestCallInFlight(t *testing.T) {
	for _, finishes := range []bool{true, false} {
		t.Run(fmt.Sprint(finishes), func(t *testing.T) {
			srv, s := slowServer()
			g, l := group(2*time.Second), listen(t)
			states := health.NewServer()
			g.Add("grpc", &Server{Server: srv, Listener: l, Health: states})
			stop := start(g)
			answered := s.call(t, l.Addr().String())
			var once sync.Once
			leave := func() { once.Do(func() { close(s.leave) }) }
			defer leave()
			if finishes {
				time.AfterFunc(300*time.Millisecond, leave)
			}
			err := stop()
			called := <-answered
			switch {
			case finishes && (err != nil || called != nil):
				t.Errorf("stop: %v, call: %v", err, called)
			case !finishes && (err == nil || !strings.Contains(err.Error(), "cut calls in flight") || called == nil):
				t.Errorf("stop: %v, call: %v", err, called)
			}
			state, err := states.Check(t.Context(), &healthpb.HealthCheckRequest{})
			if err != nil || state.Status != healthpb.HealthCheckResponse_NOT_SERVING {
				t.Errorf("health: %v, %v", state, err)
			}
		})
	}
}

// TestServedByNetHTTP: where GracefulStop would panic, net/http drains.
func TestServedByNetHTTP(t *testing.T) {
	for _, both := range []bool{false, true} {
		t.Run(fmt.Sprintf("both=%v", both), func(t *testing.T) {
			srv, s := slowServer()
			protocols := new(http.Protocols)
			protocols.SetUnencryptedHTTP2(true)
			g, l := group(4*time.Second), listen(t)
			g.Serve(&http.Server{Protocols: protocols, Handler: srv}, l)
			own := &Server{Server: srv}
			if both {
				own.Listener = listen(t)
			}
			g.Add("grpc", own)
			stop := start(g)
			answered := s.call(t, l.Addr().String())
			time.AfterFunc(100*time.Millisecond, func() { close(s.leave) })
			err := stop()
			called := <-answered
			if !both && (err != nil || called != nil) {
				t.Errorf("stop: %v, call: %v", err, called)
			}
			if both && err != nil && !strings.Contains(err.Error(), "GracefulStop") {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

// restarts replaces a server so many times under calls that are not tried again, and counts those that
// failed.
func restarts(t *testing.T, times int, calls int64, stopOf func(*grpc.Server, net.Listener) (stop func() error)) (sent, lost int64) {
	t.Helper()
	var address atomic.Pointer[string]
	begin := func() func() error {
		srv, l := grpc.NewServer(), listen(t)
		healthpb.RegisterHealthServer(srv, health.NewServer())
		stop := stopOf(srv, l)
		to := l.Addr().String()
		address.Store(&to)
		return stop
	}
	stop := begin()
	var all, failed atomic.Int64
	var example atomic.Pointer[error]
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 16 {
		c, err := grpc.NewClient("passthrough:///server", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", *address.Load())
			}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		client := healthpb.NewHealthClient(c)
		clients.Add(1)
		go func() {
			defer clients.Done()
			for ctx.Err() == nil {
				all.Add(1)
				if _, err := client.Check(context.Background(), &healthpb.HealthCheckRequest{}); err != nil {
					failed.Add(1)
					example.Store(&err)
				}
				if i%2 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}()
	}
	for i := range times {
		for all.Load() < calls*int64(i+1)/int64(times) {
			time.Sleep(time.Millisecond)
		}
		old := stop
		stop = begin()
		if err := old(); err != nil {
			t.Error(err)
		}
	}
	cancel()
	clients.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := example.Load(); err != nil {
		t.Log(*err)
	}
	return all.Load(), failed.Load()
}

func graceStop(srv *grpc.Server, l net.Listener) (stop func() error) {
	g := group(10 * time.Second)
	g.Add("grpc", &Server{Server: srv, Listener: l})
	return start(g)
}

func TestRestartsLoseNothing(t *testing.T) {
	if sent, lost := restarts(t, 3, 600, graceStop); lost > 0 {
		t.Errorf("lost %d of %d", lost, sent)
	}
}
