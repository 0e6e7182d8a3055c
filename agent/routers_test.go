package agent

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// kept is a pod that one peer sends requests to over a connection that it keeps.
type kept struct {
	start  time.Time
	peer   netip.Addr
	every  time.Duration
	until  time.Duration
	silent bool // only the tables can be read
	before uint32
}

func (k kept) Look() (sockets.Look, error) {
	now := time.Since(k.start)
	last := min(now, k.until).Truncate(k.every)
	n := uint32(last/k.every) + max(k.before, 20)
	c := sockets.Conn{ID: 1, Peer: k.peer, Port: 8080, Established: !k.silent || now < k.until, Received: !k.silent, Sent: !k.silent,
		RecvAgo: uint32((now - last).Milliseconds()), SentAgo: uint32((now - last).Milliseconds()), SegsIn: n, SegsOut: n}
	return sockets.Look{Opens: 1, Conns: []sockets.Conn{c}, Exact: !k.silent}, nil
}

// TestRouters: who may know the pod's address is waited for, over kept connections too, and no
// longer than until it is silent or a careful sleep is over. Clients of a Service's are not.
func TestRouters(t *testing.T) {
	router, node := netip.MustParseAddr("10.0.1.9"), netip.MustParseAddr("192.168.0.1")
	tests := []struct {
		name    string
		set     func(*Config)
		dns     time.Duration // when the cluster's DNS has forgotten the pod; zero: never
		before  uint32        // segments each way before the hook
		peer    netip.Addr
		class   termination.PeerClass
		strange bool
		every   time.Duration
		until   time.Duration
		tables  bool
		from    time.Duration
		to      time.Duration
		says    string
	}{
		{name: "a client that goes on", peer: router, class: termination.PeerClient, every: 50 * ms, until: time.Hour, from: s, to: 1200 * ms},
		{name: "a scraper that goes on, and nobody else", peer: router, class: termination.PeerScraper, every: 50 * ms, until: time.Hour, from: 15 * s, to: 15300 * ms, says: "no peer was seen"},
		{name: "a router that learns at once", peer: router, class: termination.PeerWatcher, every: 50 * ms, until: 300 * ms, from: 2250 * ms, to: 2400 * ms},
		{name: "a router that has learnt before", set: func(c *Config) { c.Age = time.Minute }, before: 2000, peer: router, class: termination.PeerWatcher, every: 50 * ms, until: 10 * ms, from: 5 * s, to: 5200 * ms},
		{name: "one that has learnt before, and was slow", set: func(c *Config) { c.Age = time.Minute }, before: 60, peer: router, class: termination.PeerWatcher, every: time.Second, until: 10 * ms, from: 14 * s, to: 14200 * ms},
		{name: "one that has learnt before, in a pod of unknown age", before: 2000, peer: router, class: termination.PeerWatcher, every: 50 * ms, until: 10 * ms, from: 15 * s, to: 15300 * ms},
		{name: "a router that learns 8 s late", peer: router, class: termination.PeerWatcher, every: 50 * ms, until: 8 * s, from: 10 * s, to: 10200 * ms, says: "shop/sender (watcher) sent until 8.00s"},
		{name: "a proxy that never learns", peer: router, class: termination.PeerProxy, every: 50 * ms, until: time.Hour, from: 15 * s, to: 15300 * ms, says: "shop/sender (proxy) sent until"},
		{name: "one that resolves, and is silent", peer: router, class: termination.PeerResolver, every: 50 * ms, until: s, from: 33 * s, to: 33300 * ms, says: "shop/sender (resolver) sent until 1.00s"},
		{name: "one that resolves, once DNS has forgotten", dns: 10 * s, peer: router, class: termination.PeerResolver, every: 50 * ms, until: s, from: 15 * s, to: 21 * s, says: "shop/sender (resolver) sent until 1.00s"},
		{name: "one that looks up once more", dns: 10 * s, peer: router, class: termination.PeerResolver, every: 50 * ms, until: 13 * s, from: 18 * s, to: 21 * s},
		{name: "one that goes on though DNS has forgotten", dns: 10 * s, peer: router, class: termination.PeerResolver, every: 50 * ms, until: time.Hour, from: 33 * s, to: 33300 * ms},
		{name: "one that resolves and never learns", peer: router, class: termination.PeerResolver, every: 50 * ms, until: time.Hour, from: 33 * s, to: 33300 * ms, says: "shop/sender (resolver) sent until"},
		{name: "one that resolves, and a lower ceiling", set: func(c *Config) { c.PeerCeiling = 8 * s }, peer: router, class: termination.PeerResolver, every: 50 * ms, until: time.Hour, from: 8 * s, to: 8300 * ms},
		{name: "one that resolves, and room to wait", set: func(c *Config) {
			c.Budget = termination.Budget{Grace: time.Minute, Announce: 3 * s, Confirm: 45 * s, Drain: 5 * s, Stop: 5 * s, Margin: 2 * s}
		}, peer: router, class: termination.PeerResolver, every: 50 * ms, until: time.Hour, from: 40 * s, to: 40300 * ms},
		{name: "one whose pace is slow", peer: router, class: termination.PeerOutside, every: 900 * ms, until: 4 * s, from: 9 * s, to: 10500 * ms},
		{name: "one whose pace is not known", peer: router, class: termination.PeerOutside, every: time.Hour, until: 4 * s, from: 15 * s, to: 15300 * ms},
		{name: "a load balancer that goes on for its delay", set: func(c *Config) { c.OutsideCeiling = 30 * s }, peer: router, class: termination.PeerOutside, every: 50 * ms, until: 22 * s, from: 24 * s, to: 24200 * ms},
		{name: "a load balancer that never ends", set: func(c *Config) { c.OutsideCeiling = 30 * s }, peer: router, class: termination.PeerOutside, every: 50 * ms, until: time.Hour, from: 30 * s, to: 30300 * ms},
		{name: "a load balancer behind its node's address", set: func(c *Config) { c.OutsideCeiling = 30 * s }, peer: node, class: termination.PeerNode, every: 50 * ms, until: 22 * s, from: 24 * s, to: 24200 * ms},
		{name: "what may be a load balancer", set: func(c *Config) { c.OutsideCeiling = 30 * s }, peer: router, strange: true, every: 50 * ms, until: 22 * s, from: 24 * s, to: 24200 * ms},
		{name: "a router beside a load balancer", set: func(c *Config) { c.OutsideCeiling = 30 * s }, peer: router, class: termination.PeerWatcher, every: 50 * ms, until: time.Hour, from: 15 * s, to: 15300 * ms},
		{name: "a load balancer whose time is shorter than a careful sleep", set: func(c *Config) { c.OutsideCeiling = 5 * s }, peer: router, class: termination.PeerOutside, every: 50 * ms, until: time.Hour, from: 15 * s, to: 15300 * ms},
		{name: "on the node's network", peer: node, class: termination.PeerNode, every: 50 * ms, until: 8 * s, from: 10 * s, to: 10200 * ms},
		{name: "a hub that tells no classes", peer: router, strange: true, every: 50 * ms, until: 8 * s, from: 10 * s, to: 10200 * ms, says: "10.0.1.9 (unknown)"},
		{name: "only tables, a router", peer: router, class: termination.PeerWatcher, every: 50 * ms, until: 8 * s, tables: true, from: 9900 * ms, to: 10200 * ms},
		{name: "only tables, a client", peer: router, class: termination.PeerClient, every: 50 * ms, until: time.Hour, tables: true, from: 6 * s, to: 6300 * ms},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				c := config()
				c.NodeAddresses = []netip.Addr{node}
				if tt.set != nil {
					tt.set(&c)
				}
				outcome, err := Run(t.Context(), c, Parts{
					Hub:     &hub{start: start, confirm: forgetting(tt.dns), class: tt.class, strange: tt.strange},
					Sockets: kept{start, tt.peer, tt.every, tt.until, tt.tables, tt.before},
				})
				if err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took < tt.from || took > tt.to {
					t.Errorf("took %v, want %v to %v\n%s", took, tt.from, tt.to, outcome)
				}
				if !strings.Contains(outcome.String(), tt.says) {
					t.Errorf("%s\ndoes not say %q", outcome, tt.says)
				}
			})
		})
	}
}

// The hub is asked about no more peers than an answer holds; what it does not tell may know.
func TestManyPeers(t *testing.T) {
	var p peers
	for i := range 2 * hubapi.MaxPeers {
		p.request(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), time.Time{}.Add(time.Duration(i)*time.Second))
	}
	if addresses, all := p.list(); len(addresses) != hubapi.MaxPeers || all {
		t.Errorf("%d addresses, all %v", len(addresses), all)
	}
	if p.forgot(time.Time{}.Add(time.Hour), func(termination.PeerClass) bool { return false }) {
		t.Error("peers of whom nothing was told are taken for ones that can't know the address")
	}
}

// What the hub takes back while the agent drains is heeded as before the drain: the fallback holds.
func TestTakenBackInTheDrain(t *testing.T) {
	final := hubapi.ConfirmResponse{Final: true, GraceSeconds: 60, Evidence: []termination.Evidence{fact(termination.StillOffered, "shop/cart")}}
	for name, tt := range map[string]struct {
		pod  pod
		then hubapi.ConfirmResponse
		from time.Duration
	}{
		"for good":                {pod{every: 10 * ms, until: 250 * ms, busy: 4 * s}, final, 15 * s},
		"not yet":                 {pod{every: 10 * ms, until: 250 * ms, busy: 4 * s}, hubapi.ConfirmResponse{GraceSeconds: 60}, 33 * s},
		"not yet, only by tables": {pod{tables: true, busy: 3 * s}, hubapi.ConfirmResponse{GraceSeconds: 60}, 33 * s},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			p := tt.pod
			p.start = start
			outcome, err := Run(t.Context(), config(), Parts{Hub: &hub{start: start, confirm: then(2*s, yes, tt.then)}, Sockets: &p})
			if took := time.Since(start); err != nil || took < tt.from {
				t.Errorf("%s: took %v, want %v: %v\n%s", name, took, tt.from, err, outcome)
			}
		})
	}
}

// forgetting confirms, and says from the given moment on that DNS has forgotten the pod.
func forgetting(dns time.Duration) confirming {
	forgot := yes
	forgot.DNSForgot = true
	if dns == 0 {
		return says(yes, 50*ms)
	}
	return func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
		if now >= dns {
			return says(forgot, 0)(ctx, now, wait)
		}
		return says(yes, 50*ms)(ctx, now, wait)
	}
}

// sender opens a connection for each request, every so often until it stops.
type sender struct {
	peer         netip.Addr
	every, until time.Duration
	closes       bool // it closes them first, and not the pod
}

// fresh is a pod whose peers open a connection for each request.
type fresh struct {
	start   time.Time
	tables  bool // only they can be read
	senders []sender
	before  time.Duration // the last look
	looked  bool
}

// Look implements Sockets.
func (f *fresh) Look() (sockets.Look, error) {
	now := time.Since(f.start)
	look := sockets.Look{Opens: 1000, Exact: !f.tables}
	for i, one := range f.senders {
		c := sockets.Conn{Peer: one.peer, Port: 8080, Received: true, Sent: true, RecvAgo: 3, SentAgo: 2, SegsIn: 1, SegsOut: 1}
		if f.tables {
			c = sockets.Conn{Peer: one.peer, Port: 8080}
		}
		sent, told := int(min(now, one.until)/one.every), int(min(f.before, one.until)/one.every)
		if f.tables {
			told = max(0, sent-int(time.Minute/one.every))
		}
		for id := told + 1; id <= sent; id++ {
			c.ID = uint64(i+1)<<32 + uint64(id)
			if !f.tables {
				look.Gone = append(look.Gone, c)
			} else if !one.closes {
				look.Conns = append(look.Conns, c)
			}
		}
		look.Opens += uint64(sent)
		if !f.looked && !one.closes {
			past := sockets.Past{Peer: one.peer, Port: 8080}
			for ago := time.Duration(0); ago < time.Minute; ago += one.every {
				past.Count++
				past.Seconds |= 1 << int(ago/time.Second)
			}
			look.Past = append(look.Past, past)
		}
	}
	f.before, f.looked = now, true
	return look, nil
}

// lost counts what the senders send after the pod has left.
func (f *fresh) lost(left time.Duration) (lost int) {
	for _, one := range f.senders {
		lost += max(0, int(one.until/one.every)-int(left/one.every))
	}
	return lost
}

// TestFreshConnections: a router that opens a connection for each request is waited for like one that
// keeps them. It may send less often than any quiet window is long: what it has sent in the minute
// before counts. Nothing that a careful sleep keeps may be lost.
func TestFreshConnections(t *testing.T) {
	const late = 8 * s
	router, caller := netip.MustParseAddr("10.0.1.9"), netip.MustParseAddr("10.0.1.7")
	classes := map[netip.Addr]termination.PeerClass{router: termination.PeerWatcher, caller: termination.PeerClient}
	for _, tables := range []bool{false, true} {
		for _, closes := range []bool{false, true} {
			for _, every := range []time.Duration{300 * ms, 1100 * ms, 1500 * ms, 3 * s, 5 * s, 7 * s} {
				for name, others := range map[string][]sender{
					"alone": nil, "beside a client": {{peer: caller, every: 50 * ms, until: s}},
				} {
					if closes && others != nil && every >= s {
						continue // nothing tells of it: decision 0012, "What remains"
					}
					t.Run(fmt.Sprintf("tables %t, it closes %t, every %v, %s", tables, closes, every, name), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							start := time.Now()
							c := config()
							c.Age = 1000 * every
							f := &fresh{start: start, tables: tables, senders: append([]sender{{peer: router, every: every, until: late, closes: closes}}, others...)}
							outcome, err := Run(t.Context(), c, Parts{Hub: &hub{start: start, confirm: says(yes, 50*ms), classes: classes}, Sockets: f})
							took := time.Since(start)
							if lost, slept := f.lost(took), f.lost(10*s); err != nil || lost > slept {
								t.Errorf("%d requests come after it has left, at %v (%v); after sleep 10 it is %d\n%s", lost, took, err, slept, outcome)
							}
							if took > 15300*ms {
								t.Errorf("took %v, longer than a careful sleep\n%s", took, outcome)
							}
						})
					})
				}
			}
		}
	}
}

// TestWhoWasSeen: whom the agent has to have seen to leave before the ceiling.
func TestWhoWasSeen(t *testing.T) {
	router, caller, node := netip.MustParseAddr("10.0.1.9"), netip.MustParseAddr("10.0.1.7"), netip.MustParseAddr("192.168.0.1")
	classes := map[netip.Addr]termination.PeerClass{router: termination.PeerWatcher, caller: termination.PeerClient, node: termination.PeerNode}
	scraper := map[netip.Addr]termination.PeerClass{caller: termination.PeerScraper}
	unserved := hubapi.ConfirmResponse{Confirmed: true, Evidence: []termination.Evidence{{Kind: termination.SliceNotReady, Source: "hub", Detail: "no EndpointSlice holds the pod"}, fact(termination.BarrierPassed, "node1")}}
	probe := sender{peer: node, every: 2 * s, until: time.Hour}
	brisk := sender{peer: caller, every: 50 * ms, until: s}
	for _, tt := range []struct {
		name     string
		set      func(*Config)
		answer   hubapi.ConfirmResponse
		classes  map[netip.Addr]termination.PeerClass
		pod      Sockets
		from, to time.Duration
		says     string
	}{
		{"nobody", nil, yes, classes, &fresh{}, 15 * s, 15200 * ms, "no peer was seen"},
		{"nobody, a lower ceiling", func(c *Config) { c.PeerCeiling = 5 * s }, yes, classes, &fresh{}, 5 * s, 5200 * ms, "no peer was seen"},
		{"nobody, and no Service has the pod", nil, unserved, classes, &fresh{}, s, 1200 * ms, ""},
		{"the kubelet", nil, yes, classes, &fresh{senders: []sender{probe}}, 15 * s, 15200 * ms, "no peer was seen"},
		{"a scraper", nil, yes, scraper, &fresh{senders: []sender{{peer: caller, every: 10 * s, until: 0}}}, 15 * s, 15200 * ms, "no peer was seen"},
		{"clients", nil, yes, classes, &fresh{senders: []sender{brisk}}, s, 1700 * ms, ""},
		{"clients, which close first", nil, yes, classes, &fresh{senders: []sender{{peer: caller, every: 50 * ms, until: s, closes: true}}}, s, 1700 * ms, ""},
		{"clients, of late", nil, yes, classes, &fresh{senders: []sender{{peer: caller, every: 20 * s, until: 0}}}, s, 1200 * ms, ""},
		{"a client in the wait", nil, yes, classes, &fresh{senders: []sender{{peer: caller, every: 4 * s, until: 4 * s, closes: true}}}, 5 * s, 5200 * ms, ""},
		{"clients, and once a router", nil, yes, classes, &fresh{senders: []sender{brisk, {peer: router, every: time.Minute, until: 0}}}, 15 * s, 15200 * ms, "shop/sender (watcher) sent until 0.00s"},
		{"a scraper beside clients", nil, yes, map[netip.Addr]termination.PeerClass{router: termination.PeerScraper}, &fresh{senders: []sender{brisk, {peer: router, every: 10 * s, until: 0}}}, s, 1700 * ms, ""},
		{"a router that was silent before, at its pace", nil, yes, classes, &passed{of: []sockets.Past{{Peer: router, Port: 8080, Count: 40, Seconds: 1<<40 - 1<<20}}}, 3600 * ms, 3800 * ms, "shop/sender (watcher) sent last "},
		{"a router in bursts, each 20 s", nil, yes, classes, &passed{of: []sockets.Past{{Peer: router, Port: 8080, Count: 300, Seconds: 1<<10 | 1<<30 | 1<<50}}}, 15 * s, 15200 * ms, "sent last 10.0s before"},
		{"more than can be told apart", nil, yes, classes, &passed{of: []sockets.Past{{Peer: caller, Port: 8080, Count: 1, Seconds: 1}}, more: true}, 15 * s, 15200 * ms, ""},
		{"a port that does not count", func(c *Config) { c.Ports = []uint16{9090} }, yes, classes, &passed{of: []sockets.Past{{Peer: caller, Port: 8080, Count: 1, Seconds: 1}}}, 15 * s, 15200 * ms, "no peer was seen"},
		{"the pod itself", nil, yes, classes, &passed{of: []sockets.Past{{Peer: caller, Port: 8080, Self: true, Count: 1, Seconds: 1}}}, 15 * s, 15200 * ms, "no peer was seen"},
		{"a router over a connection idle for 100 s, once used each minute", func(c *Config) { c.Age = time.Hour }, yes, classes, &idleFor{router, 100 * s, 120}, 15 * s, 15200 * ms, "shop/sender (watcher) sent last "},
		{"a router over a connection idle for 100 s, once used all the time", func(c *Config) { c.Age = time.Hour }, yes, classes, &idleFor{router, 100 * s, 72000}, 5 * s, 5200 * ms, "shop/sender (watcher) sent last "},
		{"a router over a connection that it has not used", func(c *Config) { c.Age = time.Hour }, yes, classes, &idleFor{router, 20 * s, 0}, 15 * s, 15200 * ms, "shop/sender (watcher) sent last 20.0s before"},
		{"a router with a pool, one of it idle for long", func(c *Config) { c.Age = time.Hour }, yes, classes, &pool{}, 6 * s, 7500 * ms, "shop/sender (watcher) sent until 3.00s"},
		{"a client over a connection idle for 100 s", func(c *Config) { c.Age = time.Hour }, yes, classes, &idleFor{caller, 100 * s, 120}, 15 * s, 15200 * ms, "no peer was seen"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				c := config()
				c.NodeAddresses = []netip.Addr{node}
				c.Probes = []Probe{{8080, 2 * s}}
				if tt.set != nil {
					tt.set(&c)
				}
				switch p := tt.pod.(type) {
				case *fresh:
					p.start = start
				case *pool:
					p.start = start
				}
				outcome, err := Run(t.Context(), c, Parts{Hub: &hub{start: start, confirm: says(tt.answer, 50*ms), classes: tt.classes}, Sockets: tt.pod})
				if took := time.Since(start); err != nil || took < tt.from || took > tt.to || !strings.Contains(outcome.String(), tt.says) {
					t.Errorf("took %v (%v), want %v to %v, and to be told %q\n%s", took, err, tt.from, tt.to, tt.says, outcome)
				}
			})
		})
	}
}

// passed is a pod of which only the kernel's memory of its peers is left.
type passed struct {
	of     []sockets.Past
	more   bool
	looked bool
}

// Look implements Sockets.
func (p *passed) Look() (sockets.Look, error) {
	if p.looked {
		return sockets.Look{Exact: true}, nil
	}
	p.looked = true
	return sockets.Look{Exact: true, Past: p.of, PastMore: p.more}, nil
}

// idleFor is a pod with one kept connection that is not used any more.
type idleFor struct {
	peer  netip.Addr
	since time.Duration
	segs  uint32 // each way, before
}

// Look implements Sockets.
func (i *idleFor) Look() (sockets.Look, error) {
	ago := uint32(i.since.Milliseconds())
	return sockets.Look{Opens: 1, Exact: true, Conns: []sockets.Conn{{ID: 1, Peer: i.peer, Port: 8080, Established: true, Received: i.segs > 0, Sent: i.segs > 0,
		RecvAgo: ago, SentAgo: ago, SegsIn: i.segs, SegsOut: i.segs}}}, nil
}

// pool is a pod to which a router sends over one connection, each 50 ms until 3 s. It keeps more, used
// longer ago or never.
type pool struct{ start time.Time }

// Look implements Sockets.
func (p *pool) Look() (sockets.Look, error) {
	now := time.Since(p.start)
	look := sockets.Look{Opens: 5, Exact: true}
	for i, used := range []time.Duration{-time.Hour, -10 * time.Minute, -2 * time.Minute, -30 * s, min(now, 3*s).Truncate(50 * ms)} {
		ago, segments := uint32((now - used).Milliseconds()), uint32(i*i*100)+uint32(max(used, 0)/(50*ms))
		look.Conns = append(look.Conns, sockets.Conn{ID: uint64(i + 1), Peer: netip.MustParseAddr("10.0.1.9"), Port: 8080, Established: true,
			Received: i > 0, Sent: i > 0, RecvAgo: ago, SentAgo: ago, SegsIn: segments, SegsOut: segments})
	}
	return look, nil
}
