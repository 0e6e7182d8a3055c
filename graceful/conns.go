package graceful

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// newConn is for how long a connection may carry nothing before it counts as idle, as in net/http.
const newConn = 5 * time.Second

// conns are the connections of an HTTP server that are open, hijacked ones too.
type conns struct {
	mu      sync.Mutex
	open    map[*conn]struct{}
	leaving bool
	secure  bool // they speak TLS; set before there are any
}

func (all *conns) add(nc net.Conn) *conn {
	c := &conn{Conn: nc, all: all, opened: time.Now()}
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.open == nil {
		all.open = map[*conn]struct{}{}
	}
	all.open[c] = struct{}{}
	c.frames.wanted = all.leaving
	return c
}

func (all *conns) remove(c *conn) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.open, c)
}

// list is the connections that are open now.
func (all *conns) list() []*conn {
	all.mu.Lock()
	defer all.mu.Unlock()
	list := make([]*conn, 0, len(all.open))
	for c := range all.open {
		list = append(list, c)
	}
	return list
}

// leave makes the clients that speak HTTP/2 without TLS open no more streams.
func (all *conns) leave() {
	all.mu.Lock()
	all.leaving = true
	all.mu.Unlock()
	for _, c := range all.list() {
		if c.frames.kind.Load() != other {
			go c.frames.leave(c.Conn) // a client that does not read holds up no other
		}
	}
}

// sight is what a sweep found.
type sight struct {
	open     int     // connections
	busy     int     // of those, with a request, or hijacked
	fresh    int     // of those, opened a short time ago, with nothing on them yet
	http1    int     // of those, neither hijacked nor HTTP/2
	hijacked int     // taken out of the server's hands
	idle     []*conn // of http1, for the given time at least
}

// sweep looks at all connections. Those that it finds idle twice, with nothing in between, count as idle
// since the first time.
func (all *conns) sweep(now time.Time, quiet time.Duration) (s sight) {
	for _, c := range all.list() {
		s.open++
		uses := c.uses.Load() // first: one that is used after the look at idle has another number next time
		idle := c.idle()
		if !idle {
			s.busy++
		}
		state := http.ConnState(c.state.Load())
		switch {
		case state == http.StateHijacked:
			s.hijacked++
			continue
		case state != http.StateNew && c.isHTTP2():
			continue
		}
		s.http1++
		switch {
		case state == http.StateNew && now.Sub(c.opened) < newConn:
			s.fresh++
		case !idle:
			c.idleSince = time.Time{}
		case c.idleSince.IsZero() || uses != c.idleUses:
			c.idleSince, c.idleUses = now, uses
		case now.Sub(c.idleSince) >= quiet:
			s.idle = append(s.idle, c)
		}
	}
	return s
}
