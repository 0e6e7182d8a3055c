package agent

import (
	"context"
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
		{name: "a scraper that goes on", peer: router, class: termination.PeerScraper, every: 50 * ms, until: time.Hour, from: s, to: 1200 * ms},
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
