package graceful

import (
	"net/http"
	"sync/atomic"
)

// flight counts the requests in flight. Each connection has a shard, found by its client's port: the
// goroutine that serves it mostly stays on one processor, and so does the shard.
type flight struct{ shards [64]shard }

// shard has cache lines of its own; processors fetch them in pairs.
type shard struct {
	n atomic.Int64
	_ [120]byte
}

// shard is the one of a client's address, which ends in its port. Ports of one parity are common.
func (f *flight) shard(remote string) *shard {
	var h uint
	if n := len(remote); n >= 3 {
		h = uint(remote[n-1]) + 10*uint(remote[n-2]) + 100*uint(remote[n-3])
	}
	return &f.shards[h*0x9E3779B1>>7%uint(len(f.shards))]
}

// InFlight is how many requests the group's HTTP servers and Handler are answering.
func (g *Group) InFlight() int {
	var n int64
	for i := range g.flight.shards {
		n += g.flight.shards[i].n.Load()
	}
	return int(max(n, 0)) // a request may begin in one shard and end in another while they are added up
}

// Handler counts what is in flight, and makes clients leave while the group stops. [Group.Serve] does it
// for its servers; Handler is for an HTTP server that something else runs.
func (g *Group) Handler(next http.Handler) http.Handler {
	return g.count(next, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // in HTTP/2 the server makes a GOAWAY of it
	})
}

// count counts next's requests in flight, and calls leaving before those that come while the group stops.
func (g *Group) count(next http.Handler, leaving func(http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := &g.flight.shard(r.RemoteAddr).n
		n.Add(1)
		defer n.Add(-1)
		if g.stopping.Load() {
			leaving(w, r)
		}
		next.ServeHTTP(w, r)
	})
}
