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

// saying is what a router says from a moment on.
type saying struct {
	from   time.Duration
	router netip.Addr
	what   string // sends, forgot; empty: it does not answer
}

// telling confirms, and answers as soon as a router says something else.
func telling(all ...saying) confirming {
	return func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
		response, next := yes, wait
		for _, one := range all {
			if one.from > now {
				next = min(next, one.from-now)
			}
		}
		if sleepUntil(ctx, time.Now().Add(next)); ctx.Err() != nil {
			return response, ctx.Err()
		}
		now += next
		news, words := uint64(0), map[netip.Addr]saying{}
		for _, one := range all {
			if one.from <= now {
				words[one.router], news = one, news+1
			}
		}
		response.News = &news
		for router, one := range words {
			said := hubapi.Router{Name: "ingress/" + router.String(), Kind: "traefik", Addresses: []netip.Addr{router}}
			switch one.what {
			case "":
				continue
			case "forgot":
				ago := (now - one.from).Milliseconds()
				said.ForgotMillis = &ago
			}
			response.Routers = append(response.Routers, said)
		}
		return response, nil
	}
}

// TestWords: a router that was asked is waited for until it says that it has forgotten the pod, and a second
// longer for what it had sent before; one that does not answer is waited for as ever.
func TestWords(t *testing.T) {
	router, other, client := netip.MustParseAddr("10.0.1.9"), netip.MustParseAddr("10.0.1.8"), netip.MustParseAddr("10.0.1.7")
	classes := map[netip.Addr]termination.PeerClass{router: termination.PeerWatcher, other: termination.PeerProxy, client: termination.PeerClient}
	for _, tt := range []struct {
		name    string
		says    []saying
		senders sends
		class   termination.PeerClass // of the router
		from    time.Duration
		to      time.Duration
		line    string
		event   bool
	}{
		{"it forgets", []saying{{0, router, "sends"}, {8400 * ms, router, "forgot"}}, sends{{router, 100 * ms, 8200 * ms}}, "",
			9400 * ms, 9700 * ms, "shop/sender (traefik) forgot the pod at 8.40s, last request 0.20s before, 1 router asked", true},
		{"a request comes after its word", []saying{{0, router, "forgot"}}, sends{{router, 100 * ms, 3 * s}}, "", 4 * s, 4300 * ms, "last request 3.00s after", true},
		{"it goes on against its word", []saying{{0, router, "forgot"}}, sends{{router, 100 * ms, time.Hour}}, "", 15 * s, 15300 * ms, "after", true},
		{"it sends seldom", []saying{{0, router, "sends"}, {3 * s, router, "forgot"}}, sends{{router, 900 * ms, 2 * s}}, "", 4 * s, 4300 * ms, "forgot the pod at 3.0", true},
		{"it sends in bursts, and knows the pod", []saying{{0, router, "sends"}, {9 * s, router, "forgot"}}, sends{{router, 20 * ms, s}}, "", 10 * s, 10300 * ms, "forgot the pod at 9.0", true},
		{"it never forgets", []saying{{0, router, "sends"}}, sends{{router, 100 * ms, s}}, "", 15 * s, 15300 * ms, "STILL SENDS", false},
		{"it takes its word back", []saying{{0, router, "forgot"}, {500 * ms, router, "sends"}, {6 * s, router, "forgot"}}, sends{{router, 100 * ms, 5 * s}}, "", 7 * s, 7300 * ms, "forgot the pod at 6.0", true},
		{"it answers no more", []saying{{0, router, "sends"}, {4 * s, router, ""}}, sends{{router, 100 * ms, 3 * s}}, "", 5 * s, 5300 * ms, "(watcher) sent until 3.00s", false},
		{"it goes by DNS, and says more", []saying{{0, router, "forgot"}}, sends{{router, 100 * ms, s}}, termination.PeerResolver, 2 * s, 2300 * ms, "(traefik) forgot", true},
		{"one of two can be asked", []saying{{0, router, "forgot"}}, sends{{router, 100 * ms, s}, {other, 100 * ms, 6 * s}}, "", 8 * s, 8300 * ms, "(proxy) sent until 6.00s", true},
		{"a replica that was not seen", []saying{{0, router, "sends"}, {5 * s, router, "forgot"}}, sends{{client, 100 * ms, time.Hour}}, "", 6 * s, 6300 * ms, "ingress/10.0.1.9 (traefik) forgot the pod at 5.0", true},
		{"a router that does not know the pod", []saying{{0, router, "forgot"}}, sends{{client, 100 * ms, time.Hour}}, "", s, 1300 * ms, "1 router asked", false},
		{"one that is taken for a client, and says that it sends", []saying{{0, client, "sends"}, {4 * s, client, "forgot"}}, sends{{client, 100 * ms, 3 * s}}, "", 5 * s, 5300 * ms, "shop/sender (traefik) forgot the pod at 4.0", true},
		{"one that is taken for a client, and never knew", []saying{{0, client, "forgot"}}, sends{{client, 100 * ms, time.Hour}}, "", s, 1300 * ms, "1 router asked", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				of := map[netip.Addr]termination.PeerClass{router: tt.class, other: classes[other], client: classes[client]}
				if tt.class == "" {
					of[router] = classes[router]
				}
				c := config()
				h := &hub{start: start, confirm: telling(tt.says...), classes: of}
				outcome, err := Run(t.Context(), c, Parts{Hub: h, Sockets: several{start, tt.senders}})
				if took := time.Since(start); err != nil || took < tt.from || took > tt.to || !strings.Contains(outcome.String(), tt.line) {
					t.Errorf("took %v (%v), want %v to %v, and to be told %q\n%s", took, err, tt.from, tt.to, tt.line, outcome)
				}
				event := false
				for _, fact := range outcome.Timeline.Evidence {
					event = event || fact.Kind == termination.RouterForgot
				}
				if event != tt.event {
					t.Errorf("a fact about the router's word: %v\n%+v", event, outcome.Timeline.Evidence)
				}
			})
		})
	}
}

// TestUnusedConnections: a router opens more connections than it uses. Once it has forgotten the pod, one
// that has carried nothing is not waited for.
func TestUnusedConnections(t *testing.T) {
	router := netip.MustParseAddr("10.0.1.9")
	for what, want := range map[string]time.Duration{"forgot": 7 * s, "": 16 * s} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			outcome, err := Run(t.Context(), config(), Parts{
				Hub:     &hub{start: start, confirm: telling(saying{0, router, "sends"}, saying{6 * s, router, what}), class: termination.PeerWatcher},
				Sockets: surplus{several{start, sends{{router, 100 * ms, 5900 * ms}}}, router, 5900 * ms},
			})
			if took := time.Since(start); err != nil || took < want-200*ms || took > want+500*ms {
				t.Errorf("it says %q: took %v (%v), want %v\n%s", what, took, err, want, outcome)
			}
		})
	}
}

// surplus adds a connection that is opened at a moment, and never used.
type surplus struct {
	several
	peer netip.Addr
	at   time.Duration
}

func (v surplus) Look() (sockets.Look, error) {
	look, err := v.several.Look()
	if now := time.Since(v.start); now >= v.at {
		ago := uint32((now - v.at).Milliseconds())
		look.Opens++
		look.Conns = append(look.Conns, sockets.Conn{ID: 99, Peer: v.peer, Port: 8080, Established: true, RecvAgo: ago, SentAgo: ago})
	}
	return look, err
}

// sends are peers that send over a connection that each keeps.
type sends []struct {
	peer         netip.Addr
	every, until time.Duration
}

type several struct {
	start time.Time
	of    sends
}

func (v several) Look() (look sockets.Look, err error) {
	look = sockets.Look{Exact: true}
	for i, one := range v.of {
		each, err := kept{v.start, one.peer, one.every, one.until, false, 0}.Look()
		if err != nil {
			return look, err
		}
		each.Conns[0].ID = uint64(i + 1)
		look.Opens, look.Conns = look.Opens+1, append(look.Conns, each.Conns[0])
	}
	return look, nil
}

// What a hub tells of routers is bounded.
func TestManyRouters(t *testing.T) {
	p := peers{from: time.Time{}.Add(time.Hour)}
	p.request(netip.MustParseAddr("10.0.0.1"), p.from)
	ago := int64(1) << 62
	routers := make([]hubapi.Router, 10*hubapi.MaxRouters)
	for i := range routers {
		routers[i] = hubapi.Router{Name: strings.Repeat("x", 1000), Kind: strings.Repeat("y", 1000), ForgotMillis: &ago, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	}
	now := p.from.Add(time.Second)
	p.hearRouters(routers, now)
	if one := p.words[0]; len(p.words) != hubapi.MaxRouters || len(one.name) > 320 || len(one.kind) > 32 || one.at.Before(p.from) || one.at.After(now) {
		t.Errorf("%d words, the first %+v", len(p.words), one)
	}
	ago = -ago
	if p.hearRouters(routers, now); p.words[0].at.After(now) {
		t.Errorf("forgot at %v, heard at %v", p.words[0].at, now)
	}
}

// TestOneAddress: while an address changes hands, the word of a router that has it counts against that of one
// that had it, whichever is told first.
func TestOneAddress(t *testing.T) {
	address, ago := netip.MustParseAddr("10.0.1.9"), int64(5000)
	old := hubapi.Router{Name: "ingress/old", Kind: "traefik", Addresses: []netip.Addr{address}, ForgotMillis: &ago}
	now := hubapi.Router{Name: "ingress/now", Kind: "traefik", Addresses: []netip.Addr{address}}
	for _, told := range [][]hubapi.Router{{old, now}, {now, old}} {
		start := time.Now()
		p := peers{from: start.Add(-time.Minute)}
		p.request(address, start.Add(-5*time.Second))
		p.classify([]hubapi.Peer{{Address: address, Class: termination.PeerWatcher}})
		p.hearRouters(told, start)
		if p.forgot(start.Add(3*time.Second), func(termination.PeerClass) bool { return false }) {
			t.Errorf("%s, then %s: the one that sends is not waited for", told[0].Name, told[1].Name)
		}
	}
}

// TestWordInTheDrain: a router that learns of the pod again while the pod drains is waited for as before the
// drain.
func TestWordInTheDrain(t *testing.T) {
	router := netip.MustParseAddr("10.0.1.9")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		outcome, err := Run(t.Context(), config(), Parts{
			Hub:     &hub{start: start, confirm: telling(saying{0, router, "forgot"}, saying{3 * s, router, "sends"}, saying{9 * s, router, "forgot"}), classes: map[netip.Addr]termination.PeerClass{router: termination.PeerWatcher}},
			Sockets: draining{several{start, sends{{router, 100 * ms, 500 * ms}}}, 5 * s},
		})
		if took := time.Since(start); err != nil || took < 10*s || took > 10500*ms {
			t.Errorf("took %v (%v), want 10 s\n%s", took, err, outcome)
		}
	})
}

// draining adds a request that is answered at a moment.
type draining struct {
	several
	answered time.Duration
}

func (d draining) Look() (sockets.Look, error) {
	look, err := d.several.Look()
	now := time.Since(d.start)
	c := sockets.Conn{ID: 98, Peer: client, Port: 8080, Established: true, Received: true, Sent: now >= d.answered, RecvAgo: uint32(now.Milliseconds()) + 1, SegsIn: 1}
	c.SentAgo = uint32((now - d.answered).Milliseconds())
	look.Opens++
	look.Conns = append(look.Conns, c)
	return look, err
}
