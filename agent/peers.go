package agent

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// Peers that have learnt the pod's address, from a registry, a slice or DNS, choose the pod by
// their caches, each by its own: one that has stopped says nothing about the others. So each is
// waited for until it is silent itself.
const (
	// peerArrivals: the window is the time in which the peer would have sent so many more
	// requests, and at least twice its longest pause.
	peerArrivals = 7
	// peerKnown is how many requests make a peer's pace known.
	peerKnown = 3
	// maxPeers bounds those that are told apart.
	maxPeers = 4096
)

// peers are the addresses that requests came from, or may come from over a connection that stands, each
// with its pace.
type peers struct {
	seen map[netip.Addr]*peer
	many bool      // more than can be told apart
	from time.Time // when the hook began: nobody could have learnt before
	sent bool      // one was seen by more than what the kernel remembers of it
	// dnsForgot is since when the cluster's DNS has forgotten the pod; zero: it may know it.
	dnsForgot time.Time
	words     []*word // of the routers that were asked
}

type peer struct {
	first, last time.Time
	pause       time.Duration // the longest
	requests    int
	earlier     time.Duration         // between two requests before the hook began, at the most; 0: not known
	class       termination.PeerClass // from the hub; unknown before
	name        string                // of its pod
	word        *word                 // what it said as a router; nil: it was not asked, or did not answer
	lists       bool                  // it said that it sends to the pod's address, whatever its class
}

// mayKnow reports whether the peer may know the pod's address.
func (p *peer) mayKnow() bool { return p.lists || p.class.MayKnow() }

// peerFloor is the least silence that shows that a peer which could know the pod's address has
// forgotten it: more than the pause between the bursts of a busy router.
const peerFloor = 2 * time.Second

// classify takes in what the hub says about peers.
func (p *peers) classify(told []hubapi.Peer) {
	for _, one := range told {
		if known := p.seen[one.Address]; known != nil {
			known.class, known.name = one.Class, clip(one.Name, 128)
		}
	}
}

// forgot reports whether every peer that may know the pod's address has been silent for its window, or
// is one for whose class it is too late. Those that can't know the address reach the pod through
// kube-proxy alone, and are cut off by the barrier.
func (p *peers) forgot(now time.Time, late func(termination.PeerClass) bool) bool {
	if p.many {
		return late(termination.PeerUnknown)
	}
	for _, one := range p.seen {
		if one.mayKnow() && !late(one.class) && !one.forgot(now, p.dnsForgot, p.from) {
			return false
		}
	}
	return !p.unseen(now, late)
}

// forgot reports whether the peer's silence shows that it has forgotten the pod. While DNS may know the
// address, that of one that goes by DNS shows nothing: the next answer may come from another server's
// cache, and bring the address back. Then it has unknownQuiet to look the name up once more.
//
// A router that was asked knows better: while it says that it sends, its silence shows nothing either, and
// once it says that it does not, a short silence is enough.
func (p *peer) forgot(now, dnsForgot, from time.Time) bool {
	switch {
	case p.word == nil:
	case !p.word.gone, now.Sub(p.word.at) < afterWord:
		return false
	case now.Sub(p.last) >= afterWord:
		return true
	}
	if p.class != termination.PeerResolver {
		return p.silent(now, peerFloor, from)
	}
	return !dnsForgot.IsZero() && now.Sub(dnsForgot) >= unknownQuiet && now.Sub(p.last) >= unknownQuiet
}

// silent reports whether the peer has been silent for its window, which is at least floor. Silence
// counts from the given time on at the earliest.
func (p *peer) silent(now time.Time, floor time.Duration, from time.Time) bool {
	silence := now.Sub(later(p.last, from))
	if p.requests < peerKnown {
		return p.earlier > 0 && silence >= max(unknownQuiet, peerArrivals*p.earlier, 2*p.pause)
	}
	return silence >= max(floor, p.window())
}

// sentBefore notes what the first look shows of a peer's connection: a router that learns at once sends
// too little after that to know its pace. A request takes a segment in and an answer one out, and
// two of each are counted for one, since the kernel does not tell them apart; no connection is
// older than the pod.
func (p *peers) sentBefore(from netip.Addr, in, out uint32, age time.Duration) {
	const perRequest = 2
	if one, requests := p.seen[from], min(in, out)/perRequest; one != nil && requests >= peerKnown {
		pace := age / time.Duration(requests)
		if one.earlier == 0 || pace < one.earlier {
			one.earlier = pace
		}
	}
}

// list gives the peers that the hub is asked about, those first of whom it has not told, and whether it
// has answered for all.
func (p *peers) list() (addresses []netip.Addr, all bool) {
	all = !p.many
	for address, one := range p.seen {
		addresses = append(addresses, address)
		all = all && one.class != termination.PeerUnknown
	}
	told := func(address netip.Addr) int { return min(len(p.seen[address].class), 1) }
	slices.SortFunc(addresses, func(a, b netip.Addr) int { return cmp.Or(told(a)-told(b), a.Compare(b)) })
	return addresses[:min(len(addresses), hubapi.MaxPeers)], all
}

// request notes a request, or several at once.
func (p *peers) request(from netip.Addr, at time.Time) {
	p.sent = true
	known := p.at(from)
	switch {
	case known == nil:
		return
	case known.requests == 0:
		known.first, known.last = at, at
	case at.Before(known.first):
		known.first = at
	case at.After(known.last):
		known.pause = max(known.pause, at.Sub(known.last))
		known.last = at
	}
	known.requests++
}

// connected names a peer that has a connection over which nothing has come since that time.
func (p *peers) connected(from netip.Addr, at time.Time) {
	if known := p.at(from); known != nil && known.requests == 0 && at.After(known.last) {
		known.last = at
	}
}

// forgetPauses is for the first look: between what came last over one connection and over another there
// may have been more.
func (p *peers) forgetPauses() {
	for _, one := range p.seen {
		one.pause = 0
	}
}

// recall notes the requests of a peer's past connections: one over each.
func (p *peers) recall(past sockets.Past, now time.Time) {
	known := p.at(past.Peer)
	if known == nil || past.Seconds == 0 {
		return
	}
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	newest := bits.TrailingZeros64(past.Seconds)
	first, last := ago(bits.Len64(past.Seconds)), ago(newest)
	if known.requests > 0 {
		first, last = earlier(first, known.first), later(last, known.last)
	}
	known.first, known.last = first, last
	known.requests += past.Count
	for rest := past.Seconds >> newest >> 1; rest != 0; {
		gap := bits.TrailingZeros64(rest) + 1
		known.pause = max(known.pause, time.Duration(gap)*time.Second)
		rest >>= gap
	}
}

// at gives the peer at an address, one not seen before too; nil if there are too many.
func (p *peers) at(address netip.Addr) *peer {
	known := p.seen[address]
	if known == nil && len(p.seen) == maxPeers {
		p.many = true
		return nil
	}
	if known == nil {
		known = &peer{}
		if p.seen == nil {
			p.seen = map[netip.Addr]*peer{}
		}
		p.seen[address] = known
	}
	return known
}

// anyone reports whether a peer was seen that shows whose requests come. A scraper comes to every pod.
func (p *peers) anyone() bool {
	for _, one := range p.seen {
		if one.class != termination.PeerScraper && (one.requests > 0 || one.mayKnow()) {
			return true
		}
	}
	return p.many
}

// silent reports whether every peer that was seen has been silent for its window, from the given time
// on. Where none was seen but in the kernel's memory, or the pace of one is not known, it is false:
// their silence is no evidence.
func (p *peers) silent(now time.Time, floor time.Duration, from time.Time) bool {
	if p.many || !p.sent {
		return false
	}
	for _, one := range p.seen {
		if !one.silent(now, floor, from) {
			return false
		}
	}
	return true
}

// sending reports whether any peer has sent within the time before now.
func (p *peers) sending(now time.Time, within time.Duration) bool {
	for _, one := range p.seen {
		if now.Sub(one.last) < within {
			return true
		}
	}
	return false
}

// describe puts into words which peers send.
func (p *peers) describe(now time.Time) string {
	var last time.Time
	for _, one := range p.seen {
		if one.last.After(last) {
			last = one.last
		}
	}
	switch {
	case len(p.seen) == 0:
		return "no peer has sent"
	case p.silent(now, unknownQuiet, time.Time{}):
		return fmt.Sprintf("%d peers silent for %s", len(p.seen), seconds(now.Sub(last)))
	}
	return fmt.Sprintf("NOT ALL of %d peers SILENT, the last request %s ago", len(p.seen), seconds(now.Sub(last)))
}

// window is the time in which the peer would surely have sent another request.
func (p *peers) window(from netip.Addr) time.Duration {
	known := p.seen[from]
	if known == nil || known.requests < peerKnown {
		return unknownQuiet
	}
	return max(unknownQuiet, known.window())
}

func (p *peer) window() time.Duration {
	pace := p.last.Sub(p.first) / time.Duration(p.requests-1)
	return max(peerArrivals*pace, 2*p.pause)
}
