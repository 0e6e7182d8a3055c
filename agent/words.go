package agent

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// afterWord is how long a router has to be silent once it has said that it no longer sends to the pod. A
// request for which it had chosen the pod right before may be on its way: over a connection that stands
// it comes within milliseconds, and where it needs a new one whose first SYN was lost, that is sent again
// after a second (RFC 6298; Linux does so). A request that comes after the word begins the second anew:
// the router has sent by something else than what it was asked about.
const afterWord = time.Second

// word is what a router that was asked said about the pod.
type word struct {
	name string // of its pod
	kind string // as in traefik
	gone bool   // it does not send to the pod any more
	at   time.Time
	peer bool // its requests were seen
	sent bool // it was heard to say that it sends, without having been seen to: it was waited for
}

// hearRouters takes in what the routers say now, in place of what they said before.
func (p *peers) hearRouters(routers []hubapi.Router, now time.Time) {
	before := map[string]*word{}
	for _, one := range p.words {
		before[one.name] = one
	}
	for _, one := range p.seen {
		one.word = nil
	}
	p.words = p.words[:0]
	for _, said := range routers[:min(len(routers), hubapi.MaxRouters)] {
		one := &word{name: clip(said.Name, 320), kind: clip(said.Kind, 32), at: now}
		if said.ForgotMillis != nil {
			one.gone, one.at = true, now.Add(-time.Duration(min(max(*said.ForgotMillis, 0), now.Sub(p.from).Milliseconds()))*time.Millisecond)
		}
		if old := before[one.name]; old != nil {
			one.sent = old.sent
		}
		for _, address := range said.Addresses {
			if known := p.seen[address]; known != nil {
				if known.word == nil || known.word.gone { // else the address has just changed hands, and who sends counts
					known.word = one
				}
				one.peer, known.lists = true, known.lists || !one.gone
			}
		}
		one.sent = one.sent || !one.gone && !one.peer
		p.words = append(p.words, one)
	}
}

// unseen reports whether a router says that it sends to the pod, or did so until a moment ago, without having
// been seen to. late is as for forgot.
func (p *peers) unseen(now time.Time, late func(termination.PeerClass) bool) bool {
	return !late(termination.PeerWatcher) && slices.ContainsFunc(p.words, func(one *word) bool {
		return !one.peer && one.sent && (!one.gone || now.Sub(one.at) < afterWord)
	})
}

// told reports whether a router that was asked still has to be waited for by its word. late is as for forgot.
func (p *peers) told(now time.Time, late func(termination.PeerClass) bool) bool {
	for _, one := range p.seen {
		if one.word != nil && one.mayKnow() && !late(one.class) && !one.forgot(now, p.dnsForgot, p.from) {
			return true
		}
	}
	return p.unseen(now, late)
}

// unused reports whether a connection that has carried nothing is one that its router will not use: it has
// forgotten the pod, and had the processor since then to say so.
func (p *peers) unused(from netip.Addr, now time.Time) bool {
	known := p.seen[from]
	return known != nil && known.word != nil && known.word.gone && now.Sub(known.word.at) >= afterWord
}

// waited is whom the agent waited for, in words.
type waited struct{ who, how string }

func (w waited) String() string { return w.who + " " + w.how }

// waitedFor names the peers that may know the pod's address, with their last requests since start, and by
// what each was known to have forgotten it.
func (p *peers) waitedFor(start time.Time) (all []waited) {
	for _, address := range slices.SortedFunc(maps.Keys(p.seen), netip.Addr.Compare) {
		one := p.seen[address]
		if !one.mayKnow() {
			continue
		}
		name, class := one.name, string(one.class)
		if name == "" {
			name = address.String()
		}
		if class == "" {
			class = "unknown"
		}
		if one.word != nil {
			class = one.word.kind
		}
		all = append(all, waited{fmt.Sprintf("%s (%s)", name, class), one.describe(start)})
	}
	for _, one := range p.words {
		if one.sent && !one.peer {
			all = append(all, waited{fmt.Sprintf("%s (%s)", one.name, one.kind), one.describe(start)})
		}
	}
	return all
}

func (w *word) describe(start time.Time) string {
	if !w.gone {
		return "STILL SENDS to the pod by its own word"
	}
	return "forgot the pod at " + seconds(w.at.Sub(start))
}

func (p *peer) describe(start time.Time) string {
	if p.word != nil {
		said := p.word.describe(start)
		switch {
		case !p.word.gone || p.last.IsZero():
		case p.last.After(p.word.at):
			said += ", last request " + seconds(p.last.Sub(p.word.at)) + " after"
		default:
			said += ", last request " + seconds(p.word.at.Sub(p.last)) + " before"
		}
		return said
	}
	if p.last.Before(start) {
		return "sent last " + seconds(start.Sub(p.last)) + " before"
	}
	return "sent until " + seconds(p.last.Sub(start))
}

// namedPeers is how many peers are named in a line.
const namedPeers = 3

// describePeers puts into words whom the agent waited for, and how many routers were asked.
func (r *run) describePeers() string {
	all := r.watch.peers.waitedFor(r.start)
	var texts []string
	for _, one := range all[:min(len(all), namedPeers)] {
		texts = append(texts, one.String())
	}
	if others := len(all) - namedPeers; others > 0 {
		texts = append(texts, fmt.Sprintf("and %d more peers", others))
	}
	if asked := r.watch.peers.asked(); asked != "" {
		texts = append(texts, asked)
	}
	return strings.Join(texts, ", ")
}

// asked says how many routers answered; empty if none was asked.
func (p *peers) asked() string {
	switch n := len(p.words); n {
	case 0:
		return ""
	case 1:
		return "1 router asked"
	default:
		return fmt.Sprintf("%d routers asked", n)
	}
}

// addWords adds what routers said, as far as the agent waited for it, to the timeline.
func (r *run) addWords() {
	left := namedPeers
	for _, one := range r.watch.peers.waitedFor(r.start) {
		if strings.HasPrefix(one.how, "forgot") && left > 0 {
			r.addFact(termination.RouterForgot, one.who, one.how+", "+r.watch.peers.asked())
			left--
		}
	}
}
