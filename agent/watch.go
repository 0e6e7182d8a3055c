package agent

import (
	"fmt"
	"slices"
	"time"

	"github.com/lameduck-dev/lameduck/agent/sockets"
)

// forgetAfter is for how many looks a connection that is gone is remembered (10 s and more): the
// kernel reports its end later than the look that misses it.
const forgetAfter = 400

// watch makes sense of the looks: which connections are new, and which of those a router sent.
type watch struct {
	config Config
	inside func(sockets.Conn) bool
	probes probes

	looks uint32
	first time.Time
	last  time.Time       // of the looks
	apart time.Duration   // the longest between two
	flows map[uint64]flow // by the connection's ID

	opensAtFirst uint64
	explained    int64 // new connections seen
	missing      int64 // opens that neither the last look nor those before explain
	surplus      int64 // seen, but not counted as opened
	unseen       int64 // opens taken for arrivals or probes, since no look explained them

	arrivals    int       // new connections from outside, probes aside
	lastArrival time.Time // zero before the first
	excused     int       // probes

	peers     peers
	consumers bool // of registries are among the peers

	exact    bool
	busy     int             // connections with a request in flight
	paced    int             // those of them that are so by their pace alone
	open     int             // connections from outside
	pace     int32           // ms, the longest pause of a stream
	calm     int             // looks in a row with none busy
	since    time.Time       // the moment whose requests the drain waits for; zero before
	marked   bool            // a look since then has filled inFlight
	inFlight map[uint64]bool // of the connections busy in that moment, those not yet answered
}

func newWatch(config Config, inside func(sockets.Conn) bool) watch {
	return watch{config: config, inside: inside, probes: newProbes(config), flows: map[uint64]flow{}}
}

// seeLook takes one look in, which lasted from began to now. The first is what was there before.
// Arrivals count from the look's end, and silence up to its beginning, so that silence is never
// taken for longer than it was.
func (w *watch) seeLook(look sockets.Look, began, now time.Time) {
	w.looks++
	if w.looks == 1 {
		w.first, w.opensAtFirst = now, look.Opens
	}
	clock := milliseconds(now.Sub(w.first))
	arrived := 0
	for _, conns := range [2][]sockets.Conn{look.Gone, look.Conns} {
		for _, c := range conns {
			f, known := w.flows[c.ID]
			f.look = w.looks
			if pause := f.seeConn(c, clock); w.fromRouter(c) {
				w.pace = max(w.pace, pause)
			}
			w.flows[c.ID] = f
			if known || w.looks == 1 {
				continue
			}
			w.explained++
			if !w.fromRouter(c) {
				continue
			}
			if w.probes.excuse(c, now) {
				w.excused++
				continue
			}
			arrived++
			if !look.Exact && !c.Established && !w.fromNode(c) {
				w.peers.request(c.Peer, now) // it came and went between two looks
			}
		}
	}
	w.senders(look, now)
	for range w.unexplained(look.Opens) {
		if w.probes.excuseUnseen(now) {
			w.excused++
			continue
		}
		arrived++
	}
	if arrived > 0 {
		w.arrivals += arrived
		w.lastArrival = now
		if !w.since.IsZero() {
			w.mark(now)
		}
	}
	if w.looks > 1 {
		w.apart = max(w.apart, began.Sub(w.last))
	}
	w.last = began
	w.requests(look)
	w.forget()
}

// probeSegments is more than a probe sends over its connection: a peer on the node that has sent so
// often is a router on its network, not the kubelet.
const probeSegments = 8

// senders notes which peers have sent, over new connections and over kept ones. Where only the
// tables can be read, every peer with a connection counts as sending. The first look names every peer
// with a connection: over one that has stood idle, however long, it may send at any time.
func (w *watch) senders(look sockets.Look, now time.Time) {
	since, first := milliseconds(now.Sub(w.last)), w.looks == 1
	if first {
		since = milliseconds(unknownStale) // what is older than any cache says nothing about a pace
	}
	for _, conns := range [2][]sockets.Conn{look.Gone, look.Conns} {
		for _, c := range conns {
			switch {
			case !w.fromRouter(c):
			case !look.Exact:
				if c.Established && !w.fromNode(c) {
					w.peers.request(c.Peer, now)
				}
			case c.SegsIn <= probeSegments && w.fromNode(c):
			default:
				at := now.Add(-time.Duration(c.RecvAgo) * time.Millisecond)
				if c.Received && ago(c.RecvAgo) < since {
					w.peers.request(c.Peer, at)
				} else if first {
					w.peers.connected(c.Peer, at)
				}
				if first {
					w.peers.sentBefore(c.Peer, c.SegsIn, c.SegsOut, w.config.Age)
				}
			}
		}
	}
	if first {
		w.peers.forgetPauses()
		w.recall(look, now)
	}
}

// recall notes which peers the kernel remembers from before the first look. On the node's own
// addresses nothing tells the kubelet from a router.
func (w *watch) recall(look sockets.Look, now time.Time) {
	for _, past := range look.Past {
		if c := (sockets.Conn{Peer: past.Peer, Port: past.Port, Self: past.Self}); w.fromRouter(c) && !w.fromNode(c) {
			w.peers.recall(past, now)
		}
	}
	w.peers.many = w.peers.many || look.PastMore
}

func (w *watch) fromNode(c sockets.Conn) bool { return slices.Contains(w.config.NodeAddresses, c.Peer) }

// unexplained compares the kernel's count of opens with what was seen, and gives how many
// are newly taken as having come and gone between two looks. The two are not read at once,
// so only what two looks in a row show counts.
func (w *watch) unexplained(opens uint64) int {
	lacking := int64(opens-w.opensAtFirst) - w.explained
	// Seen for good, but never counted: it was there before the first look. It must not
	// hide a later one.
	if excess := min(w.surplus, -lacking); excess > 0 {
		w.explained -= excess
		lacking += excess
	}
	w.surplus = max(-lacking, 0)
	w.unseen = min(w.unseen, max(lacking, 0)) // explained after all
	lacking -= w.unseen
	taken := max(min(w.missing, lacking), 0)
	w.unseen += taken
	w.missing = max(lacking-taken, 0)
	return int(taken)
}

// fromRouter recognises connections that may come from a router, unless they are probes.
func (w *watch) fromRouter(c sockets.Conn) bool {
	return w.counts(c.Port) && !w.inside(c)
}

func (w *watch) counts(port uint16) bool {
	return len(w.config.Ports) == 0 || slices.Contains(w.config.Ports, port)
}

// requests notes what is in flight.
func (w *watch) requests(look sockets.Look) {
	w.exact, w.busy, w.paced, w.open = look.Exact, 0, 0, 0
	since := milliseconds(w.last.Sub(w.since))
	var unanswered map[uint64]bool
	for _, c := range look.Conns {
		if !w.fromRouter(c) {
			continue
		}
		if c.Established {
			w.open++
		}
		f := w.flows[c.ID]
		doing := f.state(c, w.pace)
		switch {
		case doing == idle && w.answering(c):
			doing = answering
		case doing == opened && w.peers.unused(c.Peer, w.last):
			doing = idle
		}
		if doing == idle {
			continue
		}
		w.busy++
		if doing == answering {
			w.paced++
		}
		// A connection without a request since then can only be busy with what was in flight.
		askedSince := ago(c.RecvAgo) < since
		if w.since.IsZero() || w.marked && askedSince && (!w.inFlight[c.ID] || f.movedOn(c, since, w.pace)) {
			continue
		}
		if unanswered == nil {
			unanswered = map[uint64]bool{}
		}
		unanswered[c.ID] = true
	}
	w.inFlight = unanswered
	w.marked = !w.since.IsZero()
	w.calm++
	if w.busy > 0 {
		w.calm = 0
	}
}

// answering reports whether a registry's consumer may still get answers to what it asked before it
// stopped: the next answer is expected at the pace of its requests.
func (w *watch) answering(c sockets.Conn) bool {
	if !w.consumers || w.since.IsZero() || !c.Received || !c.Sent || c.RecvAgo <= c.SentAgo {
		return false
	}
	return time.Duration(c.SentAgo)*time.Millisecond < w.peers.window(c.Peer)
}

// mark makes the drain wait for what is in flight now, whenever it came.
func (w *watch) mark(now time.Time) { w.since, w.marked, w.inFlight = now, false, nil }

// answered reports whether every request that was in flight when it was marked has been answered.
// What is busy now began later, on kept-alive connections.
func (w *watch) answered() bool { return w.marked && len(w.inFlight) == 0 }

func (w *watch) forget() {
	if w.looks%forgetAfter != 0 {
		return
	}
	for id, f := range w.flows {
		if w.looks-f.look >= forgetAfter {
			delete(w.flows, id)
		}
	}
}

// silence is how long, up to the last look, no router has sent a new connection. Before the
// first arrival it counts from the first look. While the kernel has counted an open that
// may yet turn out to be a router's, there is none.
func (w *watch) silence() time.Duration {
	switch {
	case w.looks == 0 || w.missing > 0:
		return 0
	case w.lastArrival.IsZero():
		return max(w.last.Sub(w.first), 0)
	}
	return max(w.last.Sub(w.lastArrival), 0)
}

func (w *watch) arrivalsText() string {
	text := fmt.Sprintf("%d new connections and %d probes, %d of them not seen but counted", w.arrivals, w.excused, w.unseen)
	if w.arrivals > 0 {
		text += fmt.Sprintf("; the last %s ago", seconds(w.silence()))
	}
	return text
}

// rate is the pod's rate of new connections a second: its lifetime's average without the
// probes, or that since the hook began, whichever is larger. The latter counts up to the last
// arrival, so that silence doesn't lengthen its own window, and over a second at least, so
// that one early arrival doesn't make an idle pod look busy.
func (w *watch) rate() float64 {
	rate := 0.0
	if w.arrivals > 0 {
		rate = float64(w.arrivals) / max(w.lastArrival.Sub(w.first), time.Second).Seconds()
	}
	if w.config.Age > 0 {
		rate = max(rate, float64(w.opensAtFirst)/w.config.Age.Seconds()-w.probes.rate())
	}
	return rate
}
