package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const (
	// afterConfirmed is the least wait after the confirmation: a connection that was being made at
	// that moment shows in the looks that fit in.
	afterConfirmed = 2 * lookEvery
	// blindAfter is how old the last look may be before the agent counts as blind.
	blindAfter = 3 * time.Second
)

// peersForgot reports whether no peer sends to the pod's address any more, not even over a
// connection that it keeps; or a careful sleep has passed.
func (r *run) peersForgot(now time.Time) bool {
	return now.Sub(r.start) >= r.ceiling(termination.PeerUnknown) || r.watch.exact && r.watch.peers.silent(now, unknownQuiet, time.Time{})
}

// knowersForgot reports whether no peer that may know the pod's address sends to it any more, or each
// that does has been waited for as long as its ceiling. Where a Service has the pod and nobody was seen
// to send, nobody is known to have forgotten.
func (r *run) knowersForgot(now time.Time) bool {
	if !r.hub.unserved && !r.watch.peers.anyone() && now.Before(earlier(r.start.Add(r.config.PeerCeiling), r.confirmBy())) {
		return false
	}
	return r.watch.looks > 0 && r.watch.peers.forgot(now, r.late(now))
}

// late gives whether a peer of a class has been waited for as long as its ceiling.
func (r *run) late(now time.Time) func(termination.PeerClass) bool {
	return func(class termination.PeerClass) bool { return now.Sub(r.start) >= r.ceiling(class) }
}

// ceiling bounds the wait for a peer that goes on sending. What DNS has told is known for long, and a
// load balancer outside may be told late, and keep its connections for a time of its own.
func (r *run) ceiling(class termination.PeerClass) time.Duration {
	switch class {
	case termination.PeerResolver:
		if r.config.PeerCeiling >= termination.CarefulSleep {
			return max(r.config.PeerCeiling, termination.HeadlessDNS)
		}
	case termination.PeerOutside, termination.PeerNode, termination.PeerUnknown:
		return max(r.config.PeerCeiling, r.config.OutsideCeiling)
	}
	return r.config.PeerCeiling
}

func (r *run) quiet() bool { return r.watch.silence() >= r.window() }

func (r *run) window() time.Duration {
	return r.config.Quiet.window(r.watch.rate(), r.hub.known == confirmed)
}

func (r *run) blind(now time.Time) bool {
	last := r.start
	if r.watch.looks > 0 {
		last = r.watch.last
	}
	return now.Sub(last) >= blindAfter
}

// pulse is how often the state is judged again although nothing happened: time alone can decide,
// even when a look hangs.
const pulse = 100 * time.Millisecond

// awaitNext waits for the next thing to happen and takes it in; late means that by has come. What
// happened may have moved it.
func (r *run) awaitNext(ctx context.Context, by func() time.Time) (late bool, err error) {
	timer := time.NewTimer(min(time.Until(by()), pulse))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, ErrCut
	case <-r.eyes.next.C:
		r.eyes.start()
	case look := <-r.eyes.looks:
		if look.err == nil {
			r.watch.seeLook(look.Look, r.eyes.started, time.Now())
			r.writeRoll(false)
		} else {
			r.blindness = look.err
		}
		r.eyes.done()
	case a := <-r.answers:
		r.hearAnswer(a)
	case e, open := <-r.leaving:
		r.hearRegistry(e, open)
	case result := <-r.hooking:
		r.hooked = &result
	case <-timer.C:
	}
	return !time.Now().Before(by()), nil
}

// waited notes how the wait ended.
func (r *run) waited(now time.Time, late bool) {
	o := &r.summary
	o.Waited = now.Sub(r.start)
	o.Late = late
	o.Silence = r.watch.silence()
	o.Window = r.window()
	o.Arrivals = r.watch.arrivals
	if o.Blind = r.blind(now); o.Blind {
		if r.blindness == nil {
			r.blindness = errors.New("looking at them takes too long")
		}
		r.addFact(termination.Unreachable, "sockets", r.blindness.Error())
	}
	o.Hub = r.describeHub(now)
	o.Registries = r.describeRegistries()
	switch {
	case o.Blind:
	case r.config.DirectPeers:
		o.Peers = r.watch.peers.describe(now)
	case r.hub.known == confirmed && !r.hub.unserved && !r.watch.peers.anyone():
		o.Peers = "no peer was seen"
	case r.hub.known == confirmed:
		o.Peers = r.describePeers()
		r.addWords()
	}
	if r.hub.now(now) == failed {
		r.addFact(termination.Unreachable, "hub", r.hub.err.Error())
	}
	if late {
		r.addFact(termination.DeadlineReached, "confirm", strings.Join(nonEmpty(o.Hub, o.Registries, r.watch.arrivalsText()), "; "))
	}
	if !o.Blind && r.quiet() {
		r.addFact(termination.Quiet, "", fmt.Sprintf("no new connection for %s, window %s at %.1f/s; %s", seconds(o.Silence), seconds(o.Window), r.watch.rate(), r.watch.arrivalsText()))
	}
}
