package agent

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

var watcher = netip.MustParseAddr("10.0.1.9")

// usedConn is a connection that a request last came over so long ago, with so many segments each way in all.
func usedConn(id uint64, peer netip.Addr, idle time.Duration, segments uint32) sockets.Conn {
	ago := uint32(idle.Milliseconds())
	return sockets.Conn{ID: id, Peer: peer, Port: 8080, Established: true, Received: true, Sent: true,
		RecvAgo: ago + 2, SentAgo: ago, SegsIn: segments, SegsOut: segments}
}

// leaves is how long a pod of that age waits that the hub confirms at once, all of whose peers are of a class.
func leaves(t *testing.T, age time.Duration, class termination.PeerClass, pod func(start time.Time) Sockets) (took time.Duration, outcome Summary) {
	t.Helper()
	start := time.Now()
	c := config()
	c.Age = age
	outcome, err := Run(t.Context(), c, Parts{Hub: &hub{start: start, confirm: says(yes, 0), class: class}, Sockets: pod(start)})
	if err != nil {
		t.Error(err)
	}
	return time.Since(start), outcome
}

// turns is a router with three kept connections, used in turn: one request every 3 s, until it learns
// at `until`. order is the kernel's order of them.
type turns struct {
	start time.Time
	order [3]int
	until time.Duration
}

func (p turns) Look() (sockets.Look, error) {
	now := time.Since(p.start)
	look := sockets.Look{Opens: 100, Exact: true}
	for _, i := range p.order {
		// requests over connection i at -6.5+3i, then each 9 s
		last := -6500*time.Millisecond + time.Duration(i)*3*time.Second
		for last+9*time.Second <= min(now, p.until) {
			last += 9 * time.Second
		}
		look.Conns = append(look.Conns, usedConn(uint64(i+1), watcher, now-last, 400))
	}
	return look, nil
}

// The router's pace is 3 s, whatever the order in which the kernel lists its connections.
func TestPaceByOrder(t *testing.T) {
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		t.Run("", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, outcome := leaves(t, time.Hour, termination.PeerWatcher, func(start time.Time) Sockets { return turns{start, order, 8 * time.Second} })
				if took < 10*time.Second {
					t.Errorf("order %v: took %v\n%s", order, took, outcome)
				}
			})
		})
	}
}

// idleConn is a pod with nobody but a client's connection, unused for an hour; or without even that.
type idleConn struct {
	start      time.Time
	none, half bool
}

func (p idleConn) Look() (sockets.Look, error) {
	look := sockets.Look{Opens: 1000, Exact: true}
	if !p.none {
		c := usedConn(1, client, time.Hour+time.Since(p.start), 4)
		c.Established = !p.half
		look.Conns = append(look.Conns, c)
	}
	return look, nil
}

// A connection that nothing comes over shows nobody.
func TestIdleConnectionIsNobody(t *testing.T) {
	for _, p := range []idleConn{{none: true}, {}, {half: true}} {
		t.Run("", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, outcome := leaves(t, 10*time.Hour, termination.PeerClient, func(start time.Time) Sockets {
					p.start = start
					return p
				})
				if took < 10*time.Second {
					t.Errorf("%+v: leaves after %v though no request was seen within an hour\n%s", p, took, outcome)
				}
			})
		})
	}
}

// A grace period that was shortened (kubectl delete --grace-period=8) does not grow again: a new leader
// whose cache lags tells the earlier one.
func TestGraceDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := Default()
		outcome, err := Run(t.Context(), c, Parts{
			Hub: &hub{start: start, confirm: then(2*s, hubapi.ConfirmResponse{GraceSeconds: 8},
				hubapi.ConfirmResponse{Final: true, GraceSeconds: 30, Evidence: []termination.Evidence{fact(termination.BarrierMissed, "node2")}})},
			Sockets: &pod{start: start, every: 10 * ms, until: 250 * ms},
		})
		if took := time.Since(start); err != nil || took > 8*s {
			t.Errorf("took %v, the grace period is 8 s\n%s", took, outcome)
		}
	})
}

// cutHook is an own hook of 3 s that says whether it was cut.
type cutHook struct{ cut chan error }

func (h cutHook) Run(ctx context.Context) (string, error) {
	sleepUntil(ctx, time.Now().Add(3*s))
	h.cut <- ctx.Err()
	return "done", ctx.Err()
}

func TestPanicLetsTheOwnHookEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		h := cutHook{make(chan error, 1)}
		inside := func(sockets.Conn) bool {
			if time.Since(start) > 16*s {
				panic(errors.New("in the sequence's own goroutine"))
			}
			return false
		}
		c := config()
		c.Budget = termination.Default.Split(60 * s)
		outcome, err := Run(t.Context(), c, Parts{Hook: h, Inside: inside, Sockets: &pod{start: start, every: 10 * ms, until: 250 * ms}})
		if cut := <-h.cut; cut != nil {
			t.Errorf("its own hook was cut after %v of 60 s: %v\n%v\n%s", time.Since(start), cut, err, outcome)
		}
	})
}

// lull is a router with one kept connection: nothing for a minute (a lull), one request 3 s after the hook
// began, since it learns 8 s late.
type lull struct {
	start time.Time
	past  bool // it opens a connection for each request instead: the kernel remembers five of 40 to 44 s ago
}

func (p lull) Look() (sockets.Look, error) {
	now := time.Since(p.start)
	look := sockets.Look{Opens: 1000, Exact: true}
	if p.past {
		if now < 100*time.Millisecond {
			look.Past = []sockets.Past{{Peer: watcher, Port: 8080, Count: 5, Seconds: 0b11111 << 40}}
		}
		return look, nil
	}
	last := -time.Minute
	if now >= 3*time.Second {
		last = 3 * time.Second
	}
	look.Conns = append(look.Conns, usedConn(1, watcher, now-last, 20000))
	return look, nil
}

// What was silent before the hook began was not silent because it had learnt of it.
func TestSilentBeforeTheHook(t *testing.T) {
	for _, past := range []bool{false, true} {
		t.Run("", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, outcome := leaves(t, time.Hour, termination.PeerWatcher, func(start time.Time) Sockets { return lull{start, past} })
				if took < 4*time.Second {
					t.Errorf("past %t: took %v\n%s", past, took, outcome)
				}
			})
		})
	}
}
