// Package agent is the sequence that runs in a pod while it stops, as its preStop hook:
// announce, confirm, quiet, drain, the pod's own hook, report.
//
// Its promise: unless it knows that everyone who could know the pod's address has stopped, it waits
// as long as `sleep 15` would, as far as the grace period leaves the application its least time to
// stop.
package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/registry/wire"
)

// Hub is told that the pod is leaving, and knows whether its routers have stopped.
type Hub interface {
	// Confirm asks once.
	Confirm(ctx context.Context, question hubapi.Question) (hubapi.ConfirmResponse, error)
	Report(ctx context.Context, line termination.Timeline) error
	// Record says what is being withdrawn from registries, so that its traces are cleared
	// when the pod is gone.
	Record(ctx context.Context, records []string) error
}

// Sockets sees the pod's connections. What it returns is valid until the next look.
type Sockets interface {
	Look() (sockets.Look, error)
}

// Hook is the pod's own preStop. It ends when ctx does, and says in a few words how it ended.
type Hook interface {
	Run(ctx context.Context) (result string, err error)
}

// Parts are what Run works with. Only Sockets is required.
type Parts struct {
	Hub     Hub // nil: the agent goes by what it sees itself
	Sockets Sockets
	// Registries hold the pod, beside what the hub knows of; nil: none do.
	Registries Registries
	Hook       Hook
	// AtAnnounce runs the pod's own hook at the beginning, beside everything else, and not
	// after the drain.
	AtAnnounce bool
	// Inside recognises the pod's connections with itself, which no router makes. Default: the
	// peer is a loopback address or the connection's own.
	Inside func(sockets.Conn) bool
}

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
			sleepUntil(ctx, r.start.Add(r.fallback()))
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
	budget  termination.Budget // only ever shrinks, when the hub tells the real grace period
	hub     hubState
	answers chan answer
	roll    roll
	rolled  int // how many peers it lists

	registries        []*registryState
	inRegistries      context.Context   // ends when the agent does
	leaving           <-chan wire.Event // what happens in them; nil when nothing more will
	registriesUnheard bool              // none has said anything yet

	eyes      *eyes
	watch     watch
	draining  time.Time       // when the drain began
	blindness error           // of the last look that failed
	hooking   chan hookResult // of the pod's own hook, once started
	stopHook  context.CancelFunc
	summary   Summary
}

func newRun(config Config, parts Parts) *run {
	if parts.Inside == nil {
		parts.Inside = func(c sockets.Conn) bool { return c.Self || c.Peer.IsLoopback() }
	}
	r := &run{config: config, parts: parts, start: time.Now(), budget: config.Budget}
	r.watch = newWatch(config, parts.Inside)
	r.roll.looked = make(chan struct{})
	r.summary.Timeline.Budget = r.budget
	r.enter(termination.LameDuck)
	return r
}

func (r *run) sequence(ctx context.Context) error {
	r.eyes = openEyes(r.parts.Sockets)
	defer r.eyes.close()
	if r.parts.AtAnnounce {
		r.startHook(ctx)
	}
	inRegistries, left := context.WithCancel(ctx)
	defer left()
	r.leaveRegistries(inRegistries)
	r.ask(inRegistries)
	err := r.untilRoutersStopped(ctx)
	if err == nil {
		r.enter(termination.Draining)
		err = r.untilDrained(ctx)
	}
	var hookErr error
	if err == nil || r.hooking != nil { // when the agent is cut short, a running hook must end with it
		known := r.hub.now(time.Now())
		hookErr = r.ownHook(ctx)
		if err == nil && known == confirmed && r.hub.now(time.Now()) != confirmed { // taken back meanwhile
			hookErr = errors.Join(hookErr, r.untilDrained(ctx))
		}
	}
	r.summary.Apart, r.summary.Total = r.watch.apart, time.Since(r.start)
	if ctx.Err() != nil {
		return ErrCut
	}
	r.report(ctx)
	return hookErr
}

// tighten takes over the pod's real grace period. A longer one changes nothing: the budget is what
// the pod asked for.
func (r *run) tighten(grace time.Duration) {
	if grace > 0 && grace < r.budget.Grace {
		r.budget = r.config.Budget.Split(grace)
	}
	r.summary.Timeline.Budget = r.budget
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
