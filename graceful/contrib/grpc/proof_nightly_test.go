//go:build nightly

package gracefulgrpc

import (
	"net"
	"testing"

	"google.golang.org/grpc"
)

// TestManyRestartsLoseNothing has the figures that docs/graceful.md quotes. The controls are the same server
// with GracefulStop, and with Stop.
func TestManyRestartsLoseNothing(t *testing.T) {
	prove := func(name string, how func(*grpc.Server, net.Listener) func() error) int64 {
		sent, lost := restarts(t, 200, 200_000, how)
		t.Logf("%s: 200 restarts, %d calls, %d lost", name, sent, lost)
		return lost
	}
	stopBy := func(stop func(*grpc.Server)) func(*grpc.Server, net.Listener) func() error {
		return func(srv *grpc.Server, l net.Listener) func() error {
			done := make(chan error, 1)
			go func() { done <- srv.Serve(l) }()
			return func() error { stop(srv); return <-done }
		}
	}
	if lost := prove("graceful", graceStop); lost > 0 {
		t.Errorf("lost %d", lost)
	}
	prove("GracefulStop", stopBy((*grpc.Server).GracefulStop))
	if prove("Stop", stopBy((*grpc.Server).Stop)) == 0 {
		t.Error("Stop lost nothing: this load shows nothing")
	}
}
