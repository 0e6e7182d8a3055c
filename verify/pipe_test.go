package verify

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// pipeNet is a network in memory, for tests in a synctest bubble: real sockets would not let the
// bubble's time go on.
type pipeNet struct {
	accepts chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func newPipeNet() *pipeNet {
	return &pipeNet{accepts: make(chan net.Conn), closed: make(chan struct{})}
}

func (n *pipeNet) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.accepts <- server:
		return client, nil
	case <-n.closed:
	case <-ctx.Done():
	}
	return nil, net.ErrClosed
}

func (n *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-n.accepts:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *pipeNet) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *pipeNet) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// serve serves handler on a network in memory until the test ends.
func serve(t *testing.T, handler http.HandlerFunc) *pipeNet {
	t.Helper()
	network := newPipeNet()
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(network)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
		time.Sleep(200 * time.Millisecond) // handlers end; it takes no time in a bubble
	})
	return network
}
