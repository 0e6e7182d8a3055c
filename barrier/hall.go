package barrier

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
)

// hallRoom is how many connections may wait to be read: four times the barrier's own. Half of them may come from
// one address.
const hallRoom = 1024

// hall bounds connections that have not said yet who they are. Whoever enters when it is full pushes out who came
// first: the barrier's own speak at once, so a crowd that comes and says nothing pushes out itself.
type hall struct {
	room int

	mu     sync.Mutex
	all    *list.List // of *visitor, first come first
	from   map[netip.Addr]*list.List
	closed bool
}

type visitor struct {
	conn     net.Conn
	source   netip.Addr
	all, own *list.Element
}

func newHall(room int) *hall {
	return &hall{room: room, all: list.New(), from: map[netip.Addr]*list.List{}}
}

// enter takes conn in.
func (h *hall) enter(conn net.Conn) *visitor {
	abort(conn)
	v := &visitor{conn: conn, source: remote(conn)}
	h.mu.Lock()
	defer h.mu.Unlock()
	own := h.from[v.source]
	if own == nil {
		own = list.New()
		h.from[v.source] = own
	}
	v.all, v.own = h.all.PushBack(v), own.PushBack(v)
	switch {
	case h.closed:
		_ = conn.Close()
	case own.Len() > h.room/2:
		h.drop(own.Front().Value.(*visitor))
	case h.all.Len() > h.room:
		h.drop(h.all.Front().Value.(*visitor))
	}
	return v
}

// leave closes v's connection, if it was not pushed out.
func (h *hall) leave(v *visitor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(v)
}

func (h *hall) drop(v *visitor) {
	if v.all == nil {
		return
	}
	h.all.Remove(v.all)
	own := h.from[v.source]
	if own.Remove(v.own); own.Len() == 0 {
		delete(h.from, v.source)
	}
	v.all = nil
	_ = v.conn.Close()
}

// empty closes all connections, and those that come later.
func (h *hall) empty() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for e := h.all.Front(); e != nil; e = h.all.Front() {
		h.drop(e.Value.(*visitor))
	}
}
