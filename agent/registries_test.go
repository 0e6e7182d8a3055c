package agent

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/registry/wire"
)

// consumer sends over one connection that is kept, every so often until it stops, many at once
// if a request takes longer than that.
type consumer struct {
	every, until time.Duration
	takes        time.Duration // until a request is answered
}

// consumers are a pod's traffic, as its sockets show it.
type consumers struct {
	start time.Time
	each  []consumer
	err   error
}

func (c *consumers) Look() (sockets.Look, error) {
	if c.err != nil {
		return sockets.Look{}, c.err
	}
	now := time.Since(c.start)
	look := sockets.Look{Opens: uint64(len(c.each)), Exact: true}
	for i, one := range c.each {
		ago := func(at time.Duration) uint32 { return uint32((now - at).Milliseconds()) }
		asked := min(now, one.until).Truncate(one.every)
		answered := min(now-one.takes, one.until).Truncate(one.every) + one.takes
		look.Conns = append(look.Conns, sockets.Conn{
			ID: uint64(i + 1), Peer: netip.AddrFrom4([4]byte{10, 0, 2, byte(i + 1)}), Port: 8080,
			Established: true, Received: true, Sent: answered >= one.takes, RecvAgo: ago(asked), SentAgo: ago(answered),
		})
	}
	return look, nil
}

// script is events with the time when each comes.
type script []struct {
	at    time.Duration
	event wire.Event
}

// Leave implements Registries.
func (c script) Leave(ctx context.Context, _ time.Duration) <-chan wire.Event {
	events := make(chan wire.Event)
	go func() {
		defer close(events)
		start := time.Now()
		for _, one := range c {
			sleepUntil(ctx, start.Add(one.at))
			one.event.Registry = "nacos orders"
			select {
			case events <- one.event:
			case <-ctx.Done():
				return
			}
		}
		<-ctx.Done()
	}()
	return events
}

// broken ends at once.
type broken struct{}

func (broken) Leave(context.Context, time.Duration) <-chan wire.Event {
	events := make(chan wire.Event)
	close(events)
	return events
}

func TestRegistries(t *testing.T) {
	plan := wire.Event{Event: wire.Plan, StaleSeconds: 40, QuietSeconds: 5}
	out, back := wire.Event{Event: wire.Out, Detail: "disabled"}, wire.Event{Event: wire.Back, Detail: "a beat"}
	absent := wire.Event{Event: wire.Absent, Detail: "no instance 10.0.0.1"}
	failed := wire.Event{Event: wire.Failed, Detail: "wrong password"}
	gaveUp := wire.Event{Event: wire.Failed, Detail: "wrong password", GivenUp: true}
	withdrawing := wire.Event{Event: wire.Record, Spec: "nacos service=orders ip=10.0.0.1"}
	left := script{{0, plan}, {100 * ms, withdrawing}, {900 * ms, out}}
	brisk := consumer{100 * ms, 12 * s, 0}
	for _, tt := range []struct {
		name       string
		registries Registries
		pod        *consumers
		from, to   time.Duration
		says       string
		seen       termination.Kind
	}{
		{"a consumer stops after its cache", left, &consumers{each: []consumer{brisk}}, 17 * s, 17200 * ms, "left after 0.90s (consumers silent after 17", termination.RegistryOut},
		{"each consumer counts, the slow one longer", left, &consumers{each: []consumer{brisk, {2 * s, 14 * s, 0}}}, 28 * s, 28300 * ms, "silent after 28", ""},
		{"a consumer of unknown pace", left, &consumers{each: []consumer{brisk, {30 * s, 35 * s, 0}}}, 40900 * ms, 41100 * ms, "waited the 40.0s that consumers may cache", ""},
		{"many long requests over one connection", left, &consumers{each: []consumer{{100 * ms, 4 * s, 12 * s}}}, 21 * s, 21300 * ms, "drained 12.0s", termination.Drained},
		{"two long requests over one connection, of a consumer of no known pace", left, &consumers{each: []consumer{{3 * s, 3 * s, 39 * s}}}, 47 * s, 47200 * ms, "drained 6.", termination.Drained},
		{"nobody sends", left, &consumers{}, 40900 * ms, 41100 * ms, "waited the 40.0s", ""},
		{"a consumer never stops", left, &consumers{each: []consumer{{100 * ms, time.Hour, 0}}}, 50 * s, 50400 * ms, "STILL SEND after the 40.0s", termination.DeadlineReached},
		{"a consumer goes on beyond its cache", left, &consumers{each: []consumer{{100 * ms, 43 * s, 0}}}, 48 * s, 48200 * ms, "waited the 40.0s", ""},
		{"sockets refused", left, &consumers{err: context.DeadlineExceeded}, 45 * s, 46 * s, "waited the 40.0s", termination.Unreachable},
		{"not registered", script{{0, plan}, {100 * ms, absent}}, &consumers{each: []consumer{{100 * ms, 200 * ms, 0}}}, s, 1100 * ms, "had no instance of the pod", termination.RegistryOut},
		{"wrong password", script{{0, plan}, {100 * ms, failed}, {5 * s, gaveUp}}, &consumers{each: []consumer{{100 * ms, time.Hour, 0}}}, 50 * s, 50400 * ms, "NOT LEFT: wrong password", termination.Unreachable},
		{"it comes back and is taken out again", script{{0, plan}, {s, out}, {4 * s, back}, {6 * s, out}}, &consumers{each: []consumer{{100 * ms, 30 * s, 0}}}, 35 * s, 35200 * ms, "left after 6.00s", termination.StillOffered},
		{"never out", script{{0, plan}, {s, failed}}, &consumers{}, 50 * s, 50200 * ms, "STILL IN: wrong password", termination.DeadlineReached},
		{"out too late for its consumers", script{{0, plan}, {45 * s, out}}, &consumers{}, 50 * s, 50200 * ms, "less than the 40.0s", termination.DeadlineReached},
		{"the program ends at once", broken{}, &consumers{each: []consumer{{100 * ms, 3 * s, 0}}}, 8 * s, 8200 * ms, "registries NOT LEFT: lameduck-registry ended", termination.Unreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := config()
				config.Budget.Announce, config.Budget.Confirm, config.Budget.Grace = 0, 50*s, 90*s
				confirmed := yes
				confirmed.GraceSeconds = 90
				tt.pod.start = time.Now()
				began := time.Now()
				h := &hub{start: began, confirm: func(context.Context, time.Duration, time.Duration) (hubapi.ConfirmResponse, error) {
					return confirmed, nil
				}}
				outcome, err := Run(t.Context(), config, Parts{Hub: h, Sockets: tt.pod, Registries: tt.registries})
				if err != nil {
					t.Fatal(err)
				}
				took := time.Since(began)
				if took < tt.from || took > tt.to {
					t.Errorf("took %v, want %v to %v: %s", took, tt.from, tt.to, outcome)
				}
				if !strings.Contains(outcome.String(), tt.says) {
					t.Errorf("%q does not say %q", outcome, tt.says)
				}
				h.mu.Lock()
				defer h.mu.Unlock()
				if s, is := tt.registries.(script); is && s[1].event == withdrawing {
					want := slices.Repeat([]string{withdrawing.Spec}, 1+int((took-s[1].at)/recordEvery)) // a new leader knows of none
					if !slices.Equal(h.records, want) {
						t.Errorf("the hub was told of %q in %v, want %q", h.records, took, want)
					}
				}
				if tt.seen != "" && !sawKind(outcome, tt.seen) {
					t.Errorf("no %s in %+v", tt.seen, outcome.Timeline.Evidence)
				}
			})
		})
	}
}

func sawKind(o Summary, kind termination.Kind) bool {
	for _, fact := range o.Timeline.Evidence {
		if fact.Kind == kind {
			return true
		}
	}
	return false
}

// A peer that the kernel only remembers says nothing about the consumers that nobody has seen.
func TestRememberedAreNoEvidence(t *testing.T) {
	var p peers
	now := time.Now()
	p.recall(sockets.Past{Peer: client, Port: 8080, Count: 100, Seconds: 1 << 50}, now)
	if p.silent(now, time.Second, time.Time{}) {
		t.Error("silent, though nobody was seen")
	}
	p.connected(netip.AddrFrom4([4]byte{10, 0, 2, 1}), now.Add(-time.Hour))
	if p.silent(now, time.Second, time.Time{}) {
		t.Error("silent, though nobody was seen to send")
	}
}

func TestPeersAreBounded(t *testing.T) {
	var p peers
	at := time.Now()
	for i := range maxPeers + 1 {
		for range peerKnown {
			p.request(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), at)
		}
	}
	if p.silent(at.Add(time.Hour), time.Second, time.Time{}) {
		t.Error("more peers than can be told apart, and yet all are silent")
	}
}

// TestRegistryTakesBack: what a registry takes back has not been forgotten, in whatever order it comes,
// until the process may stop.
func TestRegistryTakesBack(t *testing.T) {
	plan := wire.Event{Event: wire.Plan, StaleSeconds: 5, QuietSeconds: 1}
	patient := wire.Event{Event: wire.Plan, StaleSeconds: 40, QuietSeconds: 5}
	out, back := wire.Event{Event: wire.Out, Detail: "disabled"}, wire.Event{Event: wire.Back, Detail: "a beat"}
	absent, withdrawn := wire.Event{Event: wire.Absent}, wire.Event{Event: wire.Withdrawn}
	gaveUp := wire.Event{Event: wire.Failed, Detail: "wrong password", GivenUp: true}
	asking, once := pod{busy: 7 * s}, pod{busy: ms} // without the registry asking leaves after 12 s
	for _, tt := range []struct {
		name      string
		confirmed time.Duration
		pod       Sockets
		hook      Hook
		script    script
		from      time.Duration
		says      string
	}{
		{"before its consumers have stopped", 50 * ms, &once, nil, script{{0, plan}, {s, out}, {3 * s, back}, {4 * s, out}}, 9 * s, "left after 4.00s"},
		{"after they have", 7 * s, &once, nil, script{{0, plan}, {s, out}, {6500 * ms, back}, {7500 * ms, out}}, 12500 * ms, "left after 7.50s"},
		{"after they were seen to: silence from before says nothing", 8 * s, &consumers{each: []consumer{{100 * ms, 1500 * ms, 0}}}, nil,
			script{{0, patient}, {s, out}, {7500 * ms, back}, {8500 * ms, out}}, 13500 * ms, "left after 8.50s (consumers silent after 13.5s of at most 48.5s)"},
		{"twice", 7 * s, &once, nil, script{{0, plan}, {s, out}, {6500 * ms, back}, {7 * s, out}, {8 * s, back}, {9 * s, out}}, 14 * s, "left after 9.00s"},
		{"in the drain", 50 * ms, &asking, nil, script{{0, plan}, {s, out}, {9 * s, back}, {10 * s, out}}, 15 * s, "left after 10.0s"},
		{"in the drain, and a consumer asks again", 50 * ms, &revived{}, nil, script{{0, plan}, {s, out}, {9 * s, back}, {10 * s, out}}, 23 * s, "left after 10.0s"},
		{"in the drain, for good", 50 * ms, &asking, nil, script{{0, plan}, {s, out}, {9 * s, back}}, 33 * s, "nacos orders BACK IN after 9.00s: a beat"},
		{"in the own hook", 50 * ms, &once, ownHook{takes: 4 * s}, script{{0, plan}, {s, out}, {8 * s, back}, {9 * s, out}}, 14 * s, "left after 9.00s"},
		{"in the own hook, for good", 50 * ms, &once, ownHook{takes: 4 * s}, script{{0, plan}, {s, out}, {8 * s, back}}, 33 * s, "nacos orders BACK IN after 8.00s: a beat"},
		{"in the own hook, and its consumers stop in it", 50 * ms, &once, ownHook{takes: 14 * s}, script{{0, plan}, {s, out}, {8 * s, back}, {9 * s, out}}, 20 * s, "left after 9.00s"},
		{"gone from it when it is to be withdrawn anew", 50 * ms, &asking, nil, script{{0, plan}, {s, out}, {9 * s, back}, {10 * s, absent}}, 15 * s, "left after 10.0s"},
		{"registered only in the drain", 50 * ms, &asking, nil, script{{0, plan}, {s, absent}, {9 * s, withdrawn}, {10 * s, out}}, 15 * s, "left after 10.0s"},
		{"out after it was given up", 50 * ms, &asking, nil, script{{0, plan}, {s, gaveUp}, {9 * s, out}}, 14 * s, "left after 9.00s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				switch sockets := tt.pod.(type) {
				case *pod:
					sockets.start = start
				case *consumers:
					sockets.start = start
				case *revived:
					sockets.start = start
				}
				outcome, err := Run(t.Context(), config(), Parts{
					Hub: &hub{start: start, confirm: says(yes, tt.confirmed)}, Sockets: tt.pod, Registries: tt.script, Hook: tt.hook,
				})
				took := time.Since(start)
				if err != nil || took < tt.from || took > tt.from+300*ms {
					t.Errorf("took %v (%v), want %v\n%s", took, err, tt.from, outcome)
				}
				if !strings.Contains(outcome.String(), tt.says) {
					t.Errorf("%q does not say %q", outcome, tt.says)
				}
			})
		})
	}
}

// revived is a pod with a request in flight until 7 s, and with a consumer that begins to ask when the
// registry has taken the pod back: from 9.5 s to 12 s, ten times a second, for answers that take 6 s.
type revived struct{ start time.Time }

// Look implements Sockets.
func (r *revived) Look() (sockets.Look, error) {
	now := time.Since(r.start)
	ago := func(at time.Duration) uint32 { return uint32((now - at).Milliseconds()) }
	one := sockets.Conn{ID: 1, Peer: client, Port: 8080, Established: true, Received: true, RecvAgo: ago(-ms), Sent: now >= 7*s, SentAgo: ago(7 * s)}
	other := sockets.Conn{ID: 2, Peer: netip.AddrFrom4([4]byte{10, 0, 2, 1}), Port: 8080, Established: true, RecvAgo: ago(-time.Minute)}
	if asked, answered := min(now, 12*s).Truncate(100*ms), min(now-6*s, 12*s).Truncate(100*ms)+6*s; now >= 9500*ms {
		other.Received, other.RecvAgo = true, ago(asked)
		other.Sent, other.SentAgo = answered >= 15500*ms, ago(answered)
	}
	return sockets.Look{Opens: 2, Exact: true, Conns: []sockets.Conn{one, other}}, nil
}
