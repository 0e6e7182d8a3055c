// Package agent is the sequence that runs in a pod while it stops, as its preStop hook:
// announce, confirm, quiet, drain, the pod's own hook, report.
//
// Its promise: unless it knows that everyone who could know the pod's address has stopped, it waits
// as long as `sleep 15` would before the pod's own hook and SIGTERM, as far as the grace period leaves
// the application its least time to stop.
package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/registry/wire"
)

// ErrCut is returned when ctx ended first: somebody cut the hook short.
var ErrCut = errors.New("the hook was cut short")

// reportTime is the last part of the hook's time, kept for telling the hub what was seen.
const reportTime = 500 * time.Millisecond

// Run waits until the pod may stop and returns what it saw. Whatever happens, unless it returns
// ErrCut it has waited for the evidence or for the fallback time.
func Run(ctx context.Context, config Config, parts Parts) (summary Summary, err error) {
	r := newRun(config, parts)
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			r.answers, r.leaving = nil, nil // one of them may be the cause; the eyes are closed
			sleepUntil(ctx, r.fallbackBy())
			err = errors.Join(err, r.ownHook(ctx))
			summary = r.summary
		}
	}()
	err = r.sequence(ctx)
	return r.summary, err
}

// run is one termination on its way.
type run struct {
	config  Config
	parts   Parts
	start   time.Time
	budget  termination.Budget // shrinks when the real grace period is shorter than configured
	told    time.Duration      // the real grace period, from the hub; zero: not told
	hub     hubState
	answers chan answer
	roll    roll
	rolled  int // how many peers it lists

	registries        []*registryState
	running           context.Context   // ends when the agent does
	leaving           <-chan wire.Event // what happens in them; nil when nothing more will
	registriesUnheard bool              // none has said anything yet

	eyes      *eyes
	watch     watch
	draining  time.Time       // when the drain began
	blindness error           // of the last look that failed
	hooking   chan hookResult // of the pod's own hook, once started
	hooked    *hookResult     // once it has ended
	stopHook  context.CancelFunc
	summary   Summary
}

func newRun(config Config, parts Parts) *run {
	if parts.Inside == nil {
		parts.Inside = func(c sockets.Conn) bool { return c.Self || c.Peer.IsLoopback() }
	}
	r := &run{config: config, parts: parts, start: time.Now(), budget: config.Budget}
	r.watch = newWatch(config, parts.Inside)
	r.watch.peers.from = r.start
	r.roll.looked = make(chan struct{})
	r.summary.Timeline.Budget = r.budget
	r.enter(termination.LameDuck)
	return r
}

// sequence is the way of one termination in the pod. While it waits, awaitNext takes in what the
// sockets, the hub and the registries say; routersStopped and drained decide when a wait is over.
func (r *run) sequence(ctx context.Context) error {
	r.eyes = openEyes(r.parts.Sockets)
	defer r.eyes.close()
	if r.parts.AtAnnounce {
		r.startHook(ctx)
	}

	// Announce. Both go on until the end, beside the waits.
	running, end := context.WithCancel(ctx)
	defer end()
	r.leaveRegistries(running)
	r.askHub(running)

	// Confirm, then drain.
	err := r.untilRoutersStopped(ctx)
	if err == nil {
		r.enter(termination.Draining)
		err = r.untilDrained(ctx)
	}

	// The pod's own hook.
	var hookErr error
	if err == nil || r.hooking != nil { // when the agent is cut short, a running hook must end with it
		known, left := r.hub.now(time.Now()), r.consumersStopped(time.Now())
		hookErr = r.ownHook(ctx)
		now := time.Now()
		takenBack := known == confirmed && r.hub.now(now) != confirmed || left && !r.consumersStopped(now)
		if err == nil && (takenBack || r.tooEarly(now)) {
			hookErr = errors.Join(hookErr, r.untilDrained(ctx))
		}
	}

	// Report.
	r.summary.Apart, r.summary.Total = r.watch.apart, time.Since(r.start)
	r.summary.Limit = max(r.budget.Hook(), r.hookBy().Sub(r.start))
	r.summary.Registries = r.describeRegistries() // one may have taken the pod back
	if ctx.Err() != nil {
		return ErrCut
	}
	r.report(ctx)
	return hookErr
}

// untilRoutersStopped announces and waits until the routers have stopped: confirmed by the hub and
// quiet; or, when the hub can't tell, quiet for longer; or until the budget for it is spent.
//
// Silence before the confirmation counts, too. It has to rule out routers that the hub did not ask,
// and those may have stopped at any time; for the others the barrier is the proof, and they are
// silent from then on. So the wait ends a window after the last router's last connection, not a
// window after the barrier.
func (r *run) untilRoutersStopped(ctx context.Context) error {
	for !r.routersStopped(time.Now()) {
		late, err := r.awaitNext(ctx, r.confirmBy)
		if err != nil {
			return err
		}
		if late && !r.routersStopped(time.Now()) {
			r.waited(time.Now(), true)
			return nil
		}
	}
	r.waited(time.Now(), false)
	return nil
}

// routersStopped decides when the pod may begin to drain: a pod's stop hangs on it.
func (r *run) routersStopped(now time.Time) bool {
	consumers := r.consumersStopped(now) // always called: it notes when each registry's consumers have stopped
	return r.servicesStopped(now) && consumers
}

// servicesStopped is the part about Services and what is in front of them.
func (r *run) servicesStopped(now time.Time) bool {
	if now.Before(earlier(r.start.Add(r.config.MinWait), r.confirmBy())) {
		return false
	}
	elapsed := now.Sub(r.start)
	known := r.hub.now(now)
	if r.blind(now) {
		// Only half of the evidence is available: wait as if there were none.
		return elapsed >= r.fallback() && known != waiting
	}
	switch known {
	case confirmed: // kube-proxy has stopped; routers that send to the pod's own address have to be silent
		return now.Sub(r.hub.at) >= afterConfirmed && r.quiet() && r.knowersForgot(now) && (!r.config.DirectPeers || r.peersForgot(now))
	case waiting:
		return false
	case unheard:
		if r.parts.Hub != nil {
			return false
		}
	}
	// No hub, or one that can't tell: silence alone decides, after a careful sleep.
	return elapsed >= r.fallback() && r.quiet() && r.peersForgot(now)
}

// drained decides when the drain is over: no request is in flight, or all that were have been answered.
func (r *run) drained(now time.Time) bool {
	took := now.Sub(r.draining)
	// A confirmation that was taken back: kube-proxy sends to the pod again. A registry that has taken
	// it back tells its consumers again. A router that was asked has learnt of the pod again.
	left := r.consumersStopped(now)
	back := !left || r.hub.now(now) == waiting || r.watch.peers.told(now, r.late(now))
	if !r.summary.Late && now.Before(r.confirmBy()) && back || r.tooEarly(now) {
		return false
	}
	if r.blind(now) {
		return took >= drainUnseen
	}
	if !r.watch.exact {
		return r.watch.open == 0 || took >= drainUnseen
	}
	// A connection that comes now was sent by a router that had been silent: back to
	// waiting, as long as there is time for it.
	if !r.summary.Late && now.Before(r.confirmBy()) && !r.quiet() {
		return false
	}
	return r.watch.calm >= calmLooks || now.Sub(r.watch.since) >= turnover && r.watch.answered()
}

func (r *run) enter(phase termination.Phase) {
	if err := r.summary.Timeline.Enter(phase, time.Now()); err != nil {
		r.addFact(termination.Unreachable, "timeline", err.Error())
	}
}

// addFact adds a fact that the agent itself has seen.
func (r *run) addFact(kind termination.Kind, subject, detail string) {
	source := "agent"
	if r.config.Container != "" {
		source += "/" + r.config.Container
	}
	r.summary.Timeline.Add(termination.Evidence{Time: time.Now(), Kind: kind, Source: source, Subject: subject, Detail: detail})
}

func (r *run) report(ctx context.Context) {
	if r.parts.Hub == nil || r.hub.known == unheard || r.hub.known == failed {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, earlier(time.Now().Add(reportTime), r.hookBy().Add(reportTime)))
	defer cancel()
	if err := r.parts.Hub.Report(ctx, r.summary.Timeline); err != nil {
		r.addFact(termination.Unreachable, "hub", "reporting: "+err.Error())
	}
}

func sleepUntil(ctx context.Context, at time.Time) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
