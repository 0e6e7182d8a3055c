package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/agent/guard"
	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/registry/caches"
	"github.com/lameduck-dev/lameduck/registry/wire"
)

// Registries takes the pod out of its registries and keeps it out until ctx ends.
type Registries interface {
	// Leave gives what happens through a channel that is closed when nothing more will. By the end
	// of the budget it has said of each registry that the pod is out, or why it is not.
	Leave(ctx context.Context, budget time.Duration) <-chan wire.Event
}

const (
	// withdrawTime is what a withdrawal may take of the time for confirming; with retries, the
	// slowest registry that answers takes a few seconds.
	withdrawTime = 10 * time.Second
	// recordEvery bounds how long a new leader does not know what a withdrawal leaves behind.
	recordEvery = 5 * time.Second
)

// What holds when nobody says how long consumers cache.
var unknownStale, unknownQuiet = caches.Unknown, caches.Quiet

// registryState is what is known of one registry.
type registryState struct {
	name         string
	stale, quiet time.Duration
	settled      bool // nothing more is to be waited for in the registry itself: the pod is out, or will not be
	in           bool // the pod has been in it
	absent       bool // the pod was never in it
	since        time.Time
	back         time.Time // when the pod was last seen in it again; zero: never
	failure      string
	stopped      time.Duration // since the start: when its consumers had stopped
	seen         bool          // by their silence, not by the time alone
	sending      bool          // some have been seen to go on beyond their cache's time
}

// leaveRegistries begins to take the pod out; awaitNext hears what becomes of it.
func (r *run) leaveRegistries(ctx context.Context) {
	if r.parts.Registries == nil {
		return
	}
	r.running = ctx
	r.watch.consumers = true
	r.leaving = r.parts.Registries.Leave(ctx, min(withdrawTime, r.budget.Announce+r.budget.Confirm))
	r.registriesUnheard = true
}

// hearRegistry takes an event in.
func (r *run) hearRegistry(e wire.Event, open bool) {
	if !open {
		r.leaving = nil
		if r.registriesUnheard {
			r.registry("registries")
		}
		for _, s := range r.registries {
			if !s.settled {
				r.settleRegistry(s, time.Now(), "lameduck-registry ended before it was out")
			}
		}
		return
	}
	s := r.registry(clip(e.Registry, 253))
	detail := clip(e.Detail, 300)
	switch e.Event {
	case wire.Record:
		if r.parts.Hub != nil {
			spec := e.Spec
			guard.Go(func() { record(r.running, r.parts.Hub, spec) }, func(error) {}) // what it leaves is cleared by hand then
		}
	case wire.Plan:
		s.stale, s.quiet = e.Stale(), e.Quiet()
	case wire.Withdrawn:
		if s.absent {
			s.takeBack() // it was registered only now
		}
		s.in = true
	case wire.Back:
		s.takeBack()
		s.in, s.back, s.failure = true, time.Now(), detail
		r.addFact(termination.StillOffered, s.name, detail)
	case wire.Out:
		if s.failure != "" {
			s.takeBack() // its consumers could learn of the pod until now
		}
		s.in = true
		r.addFact(termination.RegistryOut, s.name, detail)
		r.settleRegistry(s, time.Now(), "")
	case wire.Absent:
		s.absent = !s.in
		r.addFact(termination.RegistryOut, s.name, "was not registered: "+detail)
		r.settleRegistry(s, time.Now(), "")
	case wire.Failed:
		s.failure = detail
		if e.GivenUp {
			r.settleRegistry(s, time.Now(), detail)
		}
	}
}

// record tells the hub again and again until the pod has left or the hub refuses it: a pod that is
// killed in the middle of its stop must have told it before, and the next leader does not know what
// this one was told.
func record(ctx context.Context, hub Hub, spec string) {
	for pause := firstPause; ctx.Err() == nil; {
		calling, cancel := context.WithTimeout(ctx, callSlack)
		err := hub.Record(calling, []string{spec})
		cancel()
		next := pause
		switch {
		case errors.Is(err, hubapi.ErrRefused):
			return
		case err == nil:
			pause, next = firstPause, recordEvery
		default:
			pause = min(2*pause, lastPause)
		}
		sleepUntil(ctx, time.Now().Add(next))
	}
}

// settleRegistry begins the wait for the consumers of s, also if the registry could not be told:
// its consumers may learn of the stop in other ways.
func (r *run) settleRegistry(s *registryState, now time.Time, failure string) {
	if s.settled {
		return
	}
	s.settled, s.since, s.failure = true, now, failure
	if failure != "" {
		r.addFact(termination.Unreachable, s.name, failure)
	}
}

// takeBack forgets what was known of the pod's absence: consumers may learn of it again.
func (s *registryState) takeBack() {
	s.settled, s.absent, s.seen, s.sending, s.stopped = false, false, false, false, 0
}

func (r *run) registry(name string) *registryState {
	r.registriesUnheard = false
	for _, s := range r.registries {
		if s.name == name {
			return s
		}
	}
	s := &registryState{name: name, stale: unknownStale, quiet: unknownQuiet}
	r.registries = append(r.registries, s)
	return s
}

// consumersStopped reports whether no consumer of any registry sends any more: each that was
// seen is silent, or what it may have cached is too old.
func (r *run) consumersStopped(now time.Time) bool {
	if r.registriesUnheard {
		return false
	}
	all := true
	for _, s := range r.registries {
		all = r.stopped(s, now) && all
	}
	return all
}

func (r *run) stopped(s *registryState, now time.Time) bool {
	switch {
	case !s.settled:
		return false
	case s.absent || s.stopped > 0:
		return true
	case now.Sub(s.since) >= s.stale:
		// A consumer that is seen to send has not forgotten, whatever its cache should do: a
		// Dubbo consumer takes in no news while it waits for its calls to a provider that has
		// left.
		if s.sending = !r.blind(now) && r.watch.exact && r.watch.peers.sending(now, s.quiet); s.sending {
			return false
		}
	case r.blind(now) || !r.watch.exact || !r.watch.peers.silent(now, s.quiet, s.learnt()):
		return false
	default:
		s.seen = true
	}
	s.stopped = now.Sub(r.start)
	if !r.draining.IsZero() { // until now they have gone on asking
		r.watch.mark(now)
	}
	return true
}

// learnt is when consumers may have learnt of the pod anew; zero: not since the hook began. Silence
// before that is of consumers that had forgotten it.
func (s *registryState) learnt() time.Time {
	if s.back.IsZero() {
		return time.Time{}
	}
	return s.since
}

// describeRegistries puts into words what became of the registries; empty without any.
func (r *run) describeRegistries() string {
	var parts []string
	for _, s := range r.registries {
		parts = append(parts, s.describe(r.start))
	}
	if r.registriesUnheard {
		parts = append(parts, "registries NOT HEARD OF in time")
	}
	return strings.Join(parts, ", ")
}

func (s *registryState) describe(start time.Time) string {
	text := s.name
	switch {
	case !s.settled && !s.back.IsZero():
		return text + fmt.Sprintf(" BACK IN after %s: %s", seconds(s.back.Sub(start)), s.failure)
	case !s.settled && s.failure != "":
		return text + " STILL IN: " + s.failure
	case !s.settled:
		return text + " STILL IN"
	case s.absent:
		return text + " had no instance of the pod"
	case s.failure != "":
		text += " NOT LEFT: " + s.failure
	default:
		text += fmt.Sprintf(" left after %s", seconds(s.since.Sub(start)))
	}
	switch {
	case s.sending:
		return text + fmt.Sprintf(" (consumers STILL SEND after the %s that they may cache)", seconds(s.stale))
	case s.stopped == 0:
		return text + fmt.Sprintf(" (consumers had %s less than the %s that they may cache)", seconds(s.stale-time.Since(s.since)), seconds(s.stale))
	case s.seen:
		return text + fmt.Sprintf(" (consumers silent after %s of at most %s)", seconds(s.stopped), seconds(s.since.Sub(start)+s.stale))
	}
	return text + fmt.Sprintf(" (waited the %s that consumers may cache)", seconds(s.stale))
}
