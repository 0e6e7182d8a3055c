package verify

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// conn is a connection that remembers which pod answered on it.
type conn struct {
	net.Conn
	end atomic.Pointer[answerer] // nil until a pod has given its name
}

// answerer is what the answers over a connection have shown of its other end.
type answerer struct {
	pod string
	// direct: the pod sees the very address and port that the connection has here, so no proxy in
	// between terminates it.
	direct bool
}

// answered notes that pod answered, and which client it sees. It reports whether another pod
// answered before: then something in between chooses a pod for each request.
func (c *conn) answered(pod, peer string) (routed bool) {
	now := answerer{pod: pod, direct: c.seenAs(peer)}
	before := c.end.Load()
	if before == nil || *before != now {
		c.end.Store(&now)
	}
	return before != nil && before.pod != pod
}

func (c *conn) seenAs(peer string) bool {
	theirs, err := netip.ParseAddrPort(peer)
	if err != nil {
		return false
	}
	ours, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	mine := ours.AddrPort()
	return theirs.Port() == mine.Port() && theirs.Addr().Unmap() == mine.Addr().Unmap()
}

type shotKey struct{}

// dialer makes the connections of one Target and remembers the connects that failed: net/http
// hides such a failure when another connection becomes free meanwhile.
type dialer struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	underway sync.WaitGroup
	mu       sync.Mutex
	failed   map[string]error // by request
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.underway.Add(1)
	defer d.underway.Done()
	raw, err := d.dial(ctx, network, address)
	if err == nil {
		return &conn{Conn: raw}, nil
	}
	if id, ok := ctx.Value(shotKey{}).(string); ok && !errors.Is(err, context.Canceled) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.failed == nil {
			d.failed = map[string]error{}
		}
		d.failed[id] = err
	}
	return nil, err
}

// shown forgets the failed connect of a request that was itself lost.
func (d *dialer) shown(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.failed, id)
}

// masked waits for the connects under way and returns those that no request showed.
func (d *dialer) masked() []MaskedConnect {
	d.underway.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	var hidden []MaskedConnect
	for id, err := range d.failed {
		hidden = append(hidden, MaskedConnect{ID: id, Err: err})
	}
	return hidden
}
