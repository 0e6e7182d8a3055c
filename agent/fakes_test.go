package agent

import (
	"cmp"
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

var client = netip.MustParseAddr("10.0.1.7")

// pod is a pod's traffic: routers send a new connection every so often, until they stop.
type pod struct {
	start time.Time
	every time.Duration // between new connections; zero: none
	until time.Duration // since the start: when the routers stop
	again time.Duration // one more connection then; zero: none

	busy      time.Duration // a request is in flight on an old connection until then
	keepAlive bool          // a connection that has a new request at every look
	tables    bool          // only the tables can be read
	err       error
	hang      chan struct{}
	panics    bool
	takes     time.Duration // for each look
}

func (p *pod) Look() (sockets.Look, error) {
	if p.hang != nil {
		<-p.hang
	}
	time.Sleep(p.takes)
	if p.panics {
		panic("looking")
	}
	if p.err != nil {
		return sockets.Look{}, p.err
	}
	now := time.Since(p.start)
	n := 0
	if p.every > 0 {
		n = int(min(now, p.until)/p.every) + 1
	}
	if p.again > 0 && now >= p.again {
		n++
	}
	look := sockets.Look{Opens: 1000 + uint64(n), Exact: !p.tables}
	for id := max(1, n-30); id <= n; id++ {
		c := sockets.Conn{ID: uint64(id), Peer: client, Port: 8080, Established: !p.tables}
		if !p.tables { // one short request, answered
			c.Received, c.Sent = true, true
			c.RecvAgo = uint32((now - time.Duration(id-1)*p.every).Milliseconds())
			c.SentAgo = c.RecvAgo
		}
		look.Conns = append(look.Conns, c)
	}
	if p.busy > 0 {
		c := sockets.Conn{ID: 1 << 32, Peer: client, Port: 8080, Established: true, Received: true, Sent: now >= p.busy, RecvAgo: uint32(now.Milliseconds()) + 1}
		c.SentAgo = uint32((now - p.busy).Milliseconds())
		look.Conns = append(look.Conns, c)
	}
	if p.keepAlive {
		look.Conns = append(look.Conns, sockets.Conn{ID: 1<<32 + 1, Peer: client, Port: 8080, Established: true, Received: true, Sent: true, RecvAgo: 1, SentAgo: 3})
	}
	return look, nil
}

// hub answers by a function of the time since the hook's start and of the wait asked for.
type hub struct {
	start   time.Time
	confirm func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error)
	reports []termination.Timeline
	class   termination.PeerClass                // of all peers; client if it is not set
	classes map[netip.Addr]termination.PeerClass // of single ones
	strange bool                                 // it tells no classes, as a hub of the version before

	mu      sync.Mutex
	records []string
}

func (h *hub) Confirm(ctx context.Context, question hubapi.Question) (hubapi.ConfirmResponse, error) {
	response, err := h.confirm(ctx, time.Since(h.start), question.Wait)
	for _, address := range question.Peers {
		if !h.strange {
			response.Peers = append(response.Peers, hubapi.Peer{Address: address, Class: cmp.Or(h.classes[address], h.class, termination.PeerClient), Name: "shop/sender"})
		}
	}
	return response, err
}

func (h *hub) Report(_ context.Context, line termination.Timeline) error {
	h.reports = append(h.reports, line)
	return nil
}

func (h *hub) Record(_ context.Context, records []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, records...)
	return nil
}

type confirming = func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error)

func fact(kind termination.Kind, subject string) termination.Evidence {
	return termination.Evidence{Kind: kind, Source: "kube-proxy", Subject: subject}
}

var yes = hubapi.ConfirmResponse{Confirmed: true, Evidence: []termination.Evidence{
	fact(termination.SliceNotReady, "shop/cart-1"), fact(termination.BarrierPassed, "node1"), fact(termination.BarrierPassed, "node2"),
}}

// says answers with one response, from the given moment on; until then it holds the call.
func says(response hubapi.ConfirmResponse, from time.Duration) confirming {
	return func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
		if now+wait < from {
			sleepUntil(ctx, time.Now().Add(wait))
			return hubapi.ConfirmResponse{GraceSeconds: 60}, ctx.Err()
		}
		sleepUntil(ctx, time.Now().Add(max(from-now, time.Millisecond)))
		return response, ctx.Err()
	}
}

// then answers with one response, and from the given moment on with another.
func then(at time.Duration, first, second hubapi.ConfirmResponse) confirming {
	return func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
		if now < at {
			sleepUntil(ctx, time.Now().Add(min(wait, at-now)))
			if now+wait < at {
				return first, ctx.Err()
			}
			return second, ctx.Err()
		}
		sleepUntil(ctx, time.Now().Add(wait))
		return second, ctx.Err()
	}
}

func fails(err error) confirming {
	return func(context.Context, time.Duration, time.Duration) (hubapi.ConfirmResponse, error) {
		return hubapi.ConfirmResponse{}, err
	}
}

func hangs(ctx context.Context, _, _ time.Duration) (hubapi.ConfirmResponse, error) {
	<-ctx.Done()
	return hubapi.ConfirmResponse{}, context.Cause(ctx)
}

// ownHook is a pod's own hook that takes its time, and may ignore that it is over.
type ownHook struct {
	takes  time.Duration
	deaf   bool
	err    error
	panics bool
}

func (h ownHook) Run(ctx context.Context) (string, error) {
	if h.panics {
		panic("hook")
	}
	if h.deaf {
		time.Sleep(h.takes)
		return "ended", nil
	}
	sleepUntil(ctx, time.Now().Add(h.takes))
	if ctx.Err() != nil {
		return "was cut", ctx.Err()
	}
	return "ended", h.err
}
