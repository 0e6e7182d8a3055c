package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const s, ms = time.Second, time.Millisecond

// config is the budget of a pod with 60 s: 33 s until the routers must have stopped, 48 s
// for the whole hook.
func config() Config {
	c := Default()
	c.Budget = termination.Default
	return c
}

func TestRun(t *testing.T) {
	refused := errors.New("connection refused")
	final := hubapi.ConfirmResponse{Final: true, Evidence: []termination.Evidence{fact(termination.BarrierMissed, "node2")}}
	leaving := hubapi.ConfirmResponse{Final: true, Evidence: []termination.Evidence{fact(termination.NotTerminating, "")}}
	short := yes
	short.GraceSeconds = 10
	waitingFor := func(grace int64) hubapi.ConfirmResponse { return hubapi.ConfirmResponse{GraceSeconds: grace} }
	busy := &pod{every: 10 * ms, until: 250 * ms}
	tests := []struct {
		name   string
		set    func(*Config)
		hub    confirming
		pod    *pod
		hook   Hook
		early  bool
		cut    time.Duration
		from   time.Duration // the hook's duration lies between these
		to     time.Duration
		says   string
		err    string
		absent termination.Kind
		seen   termination.Kind
	}{
		{name: "confirmed while traffic stops", hub: says(yes, 300*ms), pod: busy, from: 550 * ms, to: 620 * ms, says: "routers confirmed after 0.30s (2 nodes), quiet 0.3", seen: termination.Quiet},
		{name: "confirmed, the last connection is older than the window", hub: says(yes, 900*ms), pod: busy, from: 950 * ms, to: 980 * ms, says: "confirmed after 0.90s"},
		{name: "confirmed, idle pod", hub: says(yes, 50*ms), pod: &pod{}, from: 15 * s, to: 15100 * ms, says: "no peer was seen", absent: termination.DeadlineReached},
		{name: "confirmed, idle pod with little time", hub: says(short, 50*ms), pod: &pod{}, from: 6660 * ms, to: 6800 * ms, says: "no peer was seen", absent: termination.DeadlineReached},
		{name: "confirmed, a router that was not asked goes on", hub: says(yes, 50*ms), pod: &pod{every: 100 * ms, until: time.Hour}, from: 33 * s, to: 33500 * ms, says: "STILL NOT QUIET", seen: termination.DeadlineReached},
		{name: "confirmed, least wait", set: func(c *Config) { c.MinWait = 10 * s }, hub: says(yes, 50*ms), pod: busy, from: 10 * s, to: 10050 * ms},
		{name: "least wait beyond the budget", set: func(c *Config) { c.MinWait = time.Hour }, hub: says(yes, 50*ms), pod: busy, from: 33 * s, to: 33100 * ms, absent: termination.DeadlineReached},
		{name: "late confirmation wins over local evidence", hub: says(yes, 20*s), pod: &pod{}, from: 20 * s, to: 20200 * ms, says: "confirmed after 20.0s"},
		{name: "never confirmed", hub: says(hubapi.ConfirmResponse{}, 0), pod: &pod{}, from: 33 * s, to: 33100 * ms, says: "routers NOT CONFIRMED in time", seen: termination.DeadlineReached},

		{name: "no hub", pod: busy, from: 15 * s, to: 15100 * ms, says: "no hub", seen: termination.Quiet},
		{name: "no hub, traffic goes on for 20 s", pod: &pod{every: 10 * ms, until: 20 * s}, from: 23 * s, to: 23100 * ms},
		{name: "no hub, traffic goes on", pod: &pod{every: 10 * ms, until: time.Hour}, from: 33 * s, to: 33500 * ms, says: "STILL NOT QUIET"},
		{name: "hub dead", hub: fails(refused), pod: busy, from: 15 * s, to: 15100 * ms, says: "hub NOT REACHED: connection refused", seen: termination.Unreachable},
		{name: "hub slow", hub: hangs, pod: busy, from: 15 * s, to: 15100 * ms, says: "did not answer in time"},
		{name: "hub dead, then confirms", hub: func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
			if now < 3*s {
				return hubapi.ConfirmResponse{}, refused
			}
			return yes, nil
		}, pod: busy, from: 3 * s, to: 4200 * ms, says: "routers confirmed"},
		{name: "hub waits, then dies", hub: func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
			if now < 18*s {
				return says(hubapi.ConfirmResponse{}, now+wait)(ctx, now, wait)
			}
			return hubapi.ConfirmResponse{}, refused
		}, pod: busy, from: 28 * s, to: 33 * s, says: "NOT REACHED"},
		{name: "hub final", hub: says(final, 2*s), pod: busy, from: 15 * s, to: 15100 * ms, says: "NOT CONFIRMED: BarrierMissed node2", seen: termination.BarrierMissed},
		{name: "hub confirms without evidence", hub: says(hubapi.ConfirmResponse{Confirmed: true}, 0), pod: busy, from: 15 * s, to: 15100 * ms, says: "without evidence"},
		{name: "hub confirms against its evidence", hub: says(hubapi.ConfirmResponse{Confirmed: true, Evidence: final.Evidence}, 0), pod: busy, from: 15 * s, to: 15100 * ms, says: "against its own evidence"},
		{name: "hub reports an error", hub: says(hubapi.ConfirmResponse{Confirmed: true, Evidence: yes.Evidence, Error: "token expired"}, 0), pod: busy, from: 15 * s, to: 15100 * ms, says: "token expired"},
		{name: "hub learns late that the pod leaves", hub: func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
			if now < s {
				return leaving, nil
			}
			return yes, nil
		}, pod: busy, from: s, to: 2300 * ms, says: "routers confirmed"},
		{name: "nobody was told that the pod leaves", hub: says(leaving, 0), pod: busy, from: 15 * s, to: 15100 * ms, seen: termination.NotTerminating},
		{name: "restarted by a probe with a grace period of its own", set: func(c *Config) { c.RestartGrace = 9 * s }, hub: says(leaving, 0), pod: busy, from: 6 * s, to: 6100 * ms, says: "the grace period of 9.00s allows 6.00s"},
		{name: "the hub learns late that it was deleted, no restart", set: func(c *Config) { c.RestartGrace = 9 * s }, hub: func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
			switch {
			case now < 4*s:
				return leaving, nil
			case now < 12*s:
				return says(waitingFor(60), min(now+wait, 12*s))(ctx, now, wait)
			}
			return yes, nil
		}, pod: busy, from: 12 * s, to: 14 * s, says: "routers confirmed"},
		{name: "deleted, though a probe has a grace period of its own", set: func(c *Config) { c.RestartGrace = 9 * s }, hub: says(final, 0), pod: busy, from: 15 * s, to: 15100 * ms},
		{name: "hub's client panics", hub: func(context.Context, time.Duration, time.Duration) (hubapi.ConfirmResponse, error) { panic("boom") }, pod: busy, from: 15 * s, to: 15100 * ms, says: "boom"},

		{name: "sockets refused", hub: says(yes, 50*ms), pod: &pod{err: refused}, from: 20 * s, to: 20300 * ms, says: "can't be seen", seen: termination.Unreachable},
		{name: "sockets refused, no hub", pod: &pod{err: refused}, from: 20 * s, to: 20300 * ms},
		{name: "sockets refused, hub not confirming", hub: says(hubapi.ConfirmResponse{}, 0), pod: &pod{err: refused}, from: 38 * s, to: 38100 * ms},
		{name: "looking panics", hub: says(yes, 50*ms), pod: &pod{panics: true}, from: 20 * s, to: 20300 * ms, seen: termination.Unreachable},
		{name: "looking hangs", hub: says(yes, 50*ms), pod: &pod{hang: make(chan struct{})}, from: 20 * s, to: 20300 * ms},
		{name: "only tables", hub: says(yes, 300*ms), pod: &pod{every: 10 * ms, until: 250 * ms, tables: true}, from: 550 * ms, to: 620 * ms},
		{name: "only tables, connections stay", hub: says(yes, 300*ms), pod: &pod{every: 10 * ms, until: 250 * ms, tables: true, keepAlive: true}, from: 5550 * ms, to: 5650 * ms},

		{name: "shorter grace period", hub: says(waitingFor(10), 0), pod: busy, from: 6660 * ms, to: 6700 * ms, says: "the grace period of 10.0s allows 6.67s of the fallback's 15.0s"},
		{name: "confirmed, then the grace period becomes shorter", hub: then(5*s, yes, waitingFor(20)), pod: &pod{busy: time.Hour}, from: 15 * s, to: 15600 * ms, says: "NOT DRAINED"},
		{name: "confirmed, then taken back", hub: then(2*s, yes, hubapi.ConfirmResponse{}), pod: &pod{busy: 4 * s}, from: 33 * s, to: 33200 * ms, says: "routers NOT CONFIRMED in time"},
		{name: "confirmed, then it can't be", hub: then(2*s, yes, final), pod: &pod{busy: 4 * s}, from: 15 * s, to: 15100 * ms, says: "NOT CONFIRMED: BarrierMissed node2"},
		{name: "confirmed, then it can't be, with a long fallback", set: func(c *Config) { c.FallbackWait = 46 * s }, hub: then(2*s, yes, final), pod: &pod{busy: time.Hour}, hook: ownHook{takes: s}, from: 47 * s, to: 47100 * ms, says: "own hook ended in 1.00s"},
		{name: "confirmed, then the hub dies", hub: func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
			if now < s {
				return says(yes, 50*ms)(ctx, now, wait)
			}
			return hubapi.ConfirmResponse{}, refused
		}, pod: &pod{busy: 4 * s}, from: 6 * s, to: 6200 * ms, says: "routers confirmed"},
		{name: "longer grace period changes nothing", hub: says(waitingFor(600), 0), pod: busy, from: 33 * s, to: 33100 * ms},
		{name: "longer grace period, never confirmed", set: func(c *Config) { c.Budget = c.Budget.Split(6 * s) }, hub: says(hubapi.ConfirmResponse{Final: true, Evidence: final.Evidence, GraceSeconds: 600}, 0), pod: busy, from: 15 * s, to: 15100 * ms, says: "NOT CONFIRMED: BarrierMissed node2, quiet"},
		{name: "longer grace period, heard during the own hook", set: func(c *Config) { c.Budget = c.Budget.Split(12 * s) }, hub: then(8200*ms, hubapi.ConfirmResponse{Error: "starting"}, hubapi.ConfirmResponse{Final: true, Evidence: final.Evidence, GraceSeconds: 600}), pod: busy, hook: ownHook{takes: 1500 * ms}, from: 15 * s, to: 15100 * ms, says: "own hook ended in 1.50s"},
		{name: "restarted, and deleted during the own hook", set: func(c *Config) { c.RestartGrace = 9 * s }, hub: then(6500*ms, leaving, hubapi.ConfirmResponse{Final: true, Evidence: final.Evidence, GraceSeconds: 60}), pod: busy, hook: ownHook{takes: 2 * s}, from: 15 * s, to: 15100 * ms, says: "own hook ended in 2.00s"},
		{name: "absurd grace period", hub: says(waitingFor(1<<62), 0), pod: busy, from: 33 * s, to: 33100 * ms},
		{name: "one second", hub: says(waitingFor(1), 0), pod: busy, from: 660 * ms, to: 700 * ms},

		{name: "request in flight", hub: says(yes, 50*ms), pod: &pod{busy: 5 * s}, from: 7 * s, to: 7200 * ms, seen: termination.Drained},
		{name: "request without end", hub: says(yes, 50*ms), pod: &pod{busy: time.Hour}, from: 47500 * ms, to: 47600 * ms, says: "NOT DRAINED", seen: termination.DeadlineReached},
		{name: "kept alive", hub: says(yes, 50*ms), pod: &pod{keepAlive: true}, from: s, to: 1100 * ms, says: "kept alive", seen: termination.Drained},
		{name: "kept alive beside a request in flight", hub: says(yes, 50*ms), pod: &pod{keepAlive: true, busy: 5 * s}, from: 7 * s, to: 7200 * ms, seen: termination.Drained},
		{name: "a connection while draining", hub: says(yes, 50*ms), pod: &pod{busy: 3 * s, again: 2900 * ms}, from: 5 * s, to: 5100 * ms},

		{name: "own hook", hub: says(yes, 300*ms), pod: busy, hook: ownHook{takes: 2 * s}, from: 2550 * ms, to: 2650 * ms, says: "own hook ended in 2.00s", seen: termination.HookDone},
		{name: "taken back during the own hook", hub: then(2*s, yes, hubapi.ConfirmResponse{}), pod: busy, hook: ownHook{takes: 4 * s}, from: 33 * s, to: 33200 * ms, says: "routers NOT CONFIRMED in time"},
		{name: "own hook at announce", hub: says(yes, 300*ms), pod: busy, hook: ownHook{takes: 2 * s}, early: true, from: 2 * s, to: 2050 * ms},
		{name: "own hook fails", hub: says(yes, 300*ms), pod: busy, hook: ownHook{err: refused}, from: 550 * ms, to: 650 * ms, err: "own hook: connection refused"},
		{name: "own hook without end", hub: says(yes, 300*ms), pod: busy, hook: ownHook{takes: time.Hour}, from: 47500 * ms, to: 47700 * ms, err: "own hook", says: "was cut"},
		{name: "own hook hangs", hub: says(yes, 300*ms), pod: busy, hook: ownHook{takes: time.Hour, deaf: true}, from: 47500 * ms, to: 47700 * ms, err: "did not end", says: "hangs"},
		{name: "own hook panics", hub: says(yes, 300*ms), pod: busy, hook: ownHook{panics: true}, from: 550 * ms, to: 650 * ms, err: "panic"},
		{name: "own hook has time after an endless drain", hub: says(yes, 50*ms), pod: &pod{busy: time.Hour}, hook: ownHook{takes: 4 * s}, from: 46500 * ms, to: 46600 * ms, says: "own hook ended"},
		{name: "own hook at announce without end", hub: says(waitingFor(10), 0), pod: busy, hook: ownHook{takes: time.Hour}, early: true, from: 6660 * ms, to: 6800 * ms, err: "own hook"},

		{name: "cut short", hub: says(yes, 20*s), pod: busy, cut: s, from: s, to: s, err: ErrCut.Error()},
		{name: "cut short while draining", hub: says(yes, 50*ms), pod: &pod{busy: time.Hour}, cut: 5 * s, from: 5 * s, to: 5 * s, err: ErrCut.Error()},
		{name: "cut short in its own hook", hub: says(yes, 50*ms), pod: &pod{}, hook: ownHook{takes: time.Hour}, cut: 5 * s, from: 5 * s, to: 5 * s, err: ErrCut.Error()},
		{name: "cut short with its own hook running", hub: says(yes, 20*s), pod: &pod{}, hook: ownHook{takes: time.Hour}, early: true, cut: 5 * s, from: 5 * s, to: 5 * s, err: ErrCut.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := config()
				if tt.set != nil {
					tt.set(&c)
				}
				start := time.Now()
				p := *tt.pod
				p.start = start
				if p.hang != nil {
					p.hang = make(chan struct{})
					defer close(p.hang)
				}
				parts := Parts{Sockets: &p, Hook: tt.hook, AtAnnounce: tt.early}
				h := &hub{start: start, confirm: tt.hub}
				if tt.hub != nil {
					parts.Hub = h
				}
				ctx := t.Context()
				if tt.cut > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.cut)
					defer cancel()
				}
				outcome, err := Run(ctx, c, parts)
				took := time.Since(start)
				if deaf, is := tt.hook.(ownHook); is && deaf.deaf {
					defer time.Sleep(deaf.takes) // it outlives Run, as a hanging one does
				}
				if took < tt.from || took > tt.to {
					t.Errorf("took %v, want %v to %v", took, tt.from, tt.to)
				}
				line := outcome.String()
				if !strings.Contains(line, tt.says) {
					t.Errorf("%s\ndoes not say %q", line, tt.says)
				}
				if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				kinds := map[termination.Kind]bool{}
				for _, fact := range outcome.Timeline.Evidence {
					kinds[fact.Kind] = true
				}
				if tt.seen != "" && !kinds[tt.seen] || tt.absent != "" && kinds[tt.absent] {
					t.Errorf("evidence %v, want %q and not %q", outcome.Timeline.Evidence, tt.seen, tt.absent)
				}
				if tt.says == "routers confirmed" && len(h.reports) != 1 {
					t.Errorf("%d reports", len(h.reports))
				}
			})
		})
	}
}

// TestPanicWaits has the sequence itself panic, in the midst of it.
func TestPanicWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		outcome, err := Run(t.Context(), config(), Parts{
			Sockets: &pod{start: start, every: 10 * ms, until: s},
			Hub:     &hub{start: start, confirm: says(yes, 300*ms)},
			Hook:    ownHook{takes: s},
			Inside:  func(sockets.Conn) bool { panic("inside") },
		})
		if took := time.Since(start); took != 16*s {
			t.Errorf("took %v, want the fallback's 15s and the own hook's 1s", took)
		}
		if err == nil || !strings.Contains(err.Error(), "panic: inside") || outcome.Hook != "ended" {
			t.Errorf("error %v, own hook %q", err, outcome.Hook)
		}
	})
}

// TestNeverEarlyNeverLate throws random weather at the sequence and checks what must hold in all of it.
func TestNeverEarlyNeverLate(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) + 1 }
				start := time.Now()
				p := &pod{start: start, every: upTo(2 * s), until: upTo(40 * s), keepAlive: random.IntN(2) == 0}
				if random.IntN(5) == 0 {
					p.err = errors.New("refused")
				}
				if random.IntN(2) == 0 {
					p.busy = upTo(60 * s)
				}
				grace, known := int64(60), time.Duration(0)
				if random.IntN(3) == 0 {
					grace, known = 1+random.Int64N(60), upTo(s)
				}
				confirmedAt, learnedAt := time.Hour, time.Duration(0)
				learn := func(answer hubapi.ConfirmResponse) hubapi.ConfirmResponse {
					if learnedAt == 0 && answer.GraceSeconds > 0 {
						learnedAt = time.Since(start)
					}
					return answer
				}
				h := &hub{start: start, confirm: func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
					var answer hubapi.ConfirmResponse
					if now >= known {
						answer.GraceSeconds = grace
					}
					switch random.IntN(6) {
					case 0:
						return answer, errors.New("refused")
					case 1:
						return hubapi.ConfirmResponse{Confirmed: true}, nil
					case 2:
						return hangs(ctx, now, wait)
					case 3:
						answer.Evidence, answer.Confirmed = yes.Evidence, true
						confirmedAt = min(confirmedAt, now)
						return learn(answer), nil
					}
					sleepUntil(ctx, time.Now().Add(wait))
					return learn(answer), ctx.Err()
				}}
				outcome, err := Run(t.Context(), config(), Parts{Hub: h, Sockets: p})
				took := time.Since(start)
				synctest.Wait() // for the last call to the hub
				if err != nil {
					t.Error(err)
				}
				budget := outcome.Timeline.Budget
				kept := min(config().FallbackWait, budget.Grace-leastStop(budget.Grace))
				if took > max(budget.Hook(), kept, learnedAt+lookEvery) {
					t.Errorf("took %v of %v, known at %v", took, budget.Hook(), learnedAt)
				}
				least := kept
				if p.err == nil {
					least = min(least, confirmedAt+afterConfirmed)
				}
				if took < least {
					t.Errorf("took %v, must be at least %v (confirmed at %v)\n%s", took, least, confirmedAt, outcome)
				}
				if p.err == nil && !outcome.Late && outcome.Silence < config().Quiet.Floor {
					t.Errorf("ended after %v of silence", outcome.Silence)
				}
			})
		})
	}
}
