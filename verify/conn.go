package verify

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// conn is a connection that remembers which pod answered on it.
type conn struct {
	net.Conn
	answerer atomic.Pointer[string]
}

// pod is the pod that answered, or "" as long as none said its name.
func (c *conn) pod() string {
	if pod := c.answerer.Load(); pod != nil {
		return *pod
	}
	return ""
}

func (c *conn) answered(pod string) {
	if c.pod() != pod {
		c.answerer.Store(&pod)
	}
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
