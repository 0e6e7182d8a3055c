package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lameduck-dev/lameduck/registry/wire"
)

// How often things are tried. What fails is tried again after firstRetry, and then twice as late
// each time. A withdrawal that was taken but does not show is repeated after anew, which is longer
// than any registry's lag. watch is how long an instance that came back may stay in.
const (
	firstRetry = 200 * time.Millisecond
	maxRetry   = 2 * time.Second
	poll       = 200 * time.Millisecond
	anew       = 3 * time.Second
	watch      = time.Second
)

// Leave takes the pod's instance out of a registry and keeps it out until ctx ends: it looks the
// instance up, withdraws it, confirms that by reading it back, and withdraws it again when the
// application puts it back. Each fact is reported once, as soon as it is seen. No failure but
// refused credentials ends it; when the budget is spent, a failure is reported as given up, and
// still tried.
func Leave(ctx context.Context, spec Spec, r Registry, budget time.Duration, say func(wire.Event)) {
	k := &keeper{spec: spec, registry: r, say: say, budget: budget, deadline: time.Now().Add(budget)}
	k.plan(spec.Stale())
	for ctx.Err() == nil && !k.denied {
		wait := k.step(ctx)
		if left := time.Until(k.deadline); !k.said.Settled() && left > 0 {
			wait = min(wait, left)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// errSpent is why a call is cut off when the budget is spent.
var errSpent = errors.New("the budget is spent")

// keeper is the state of one withdrawal.
type keeper struct {
	spec     Spec
	registry Registry
	say      func(wire.Event)
	budget   time.Duration
	deadline time.Time

	record    Spec
	out       time.Time     // since when it is out
	planned   time.Duration // how stale consumers were last said to be
	withdrawn time.Time     // when the registry took it; zero if that is to be done
	said      wire.Event
	failure   string // the last one, for when the budget is spent
	retry     time.Duration
	denied    bool
}

// step does the next thing, and gives the time until the one after it.
func (k *keeper) step(ctx context.Context) time.Duration {
	if !k.said.Settled() && k.early() {
		within, cancel := context.WithDeadlineCause(ctx, k.deadline, errSpent)
		defer cancel()
		ctx = within
	}
	wait, err := k.next(ctx)
	if errors.Is(err, ErrDenied) {
		k.denied = true
	}
	if err != nil && context.Cause(ctx) == nil {
		k.failure = err.Error()
	}
	if err != nil || !k.said.Settled() && !k.early() {
		k.failed()
	}
	return wait
}

func (k *keeper) next(ctx context.Context) (time.Duration, error) {
	if k.withdrawn.IsZero() {
		return k.withdraw(ctx)
	}
	return k.confirm(ctx)
}

// renew gives an instance that comes (back) in later a budget of its own.
func (k *keeper) renew() {
	if k.said.Event == wire.Out || k.said.Event == wire.Absent {
		k.deadline, k.failure = time.Now().Add(k.budget), ""
	}
}

func (k *keeper) early() bool { return time.Now().Before(k.deadline) }

func (k *keeper) withdraw(ctx context.Context) (time.Duration, error) {
	found, err := k.registry.Find(ctx)
	if errors.Is(err, ErrNotFound) {
		k.retry = 0
		k.fact(wire.Absent, err.Error())
		return watch, nil
	}
	if err != nil {
		return k.later(), err
	}
	if record := found.Record; !record.IsZero() && record.String() != k.record.String() {
		k.event(wire.Event{Event: wire.Record, Spec: record.String(), Detail: found.Detail})
	}
	k.record = found.Record
	k.renew()
	if !found.Out {
		k.lookAtServers(ctx)
		if err := k.registry.Withdraw(ctx, found.Record); err != nil {
			return k.later(), err
		}
	}
	k.withdrawn = time.Now()
	if !k.said.GivenUp { // consumers that have gone on are not waited for again until it is out
		k.fact(wire.Withdrawn, found.Detail)
	}
	return k.spec.Lag(), nil
}

func (k *keeper) confirm(ctx context.Context) (time.Duration, error) {
	err := k.registry.Confirm(ctx, k.record)
	out := k.said.Event == wire.Out
	switch {
	case err == nil || errors.Is(err, ErrNotFound):
		k.retry = 0
		if !out {
			k.out = time.Now()
			k.fact(wire.Out, "after "+time.Since(k.withdrawn).Round(time.Millisecond).String())
		} else if k.fresh(ctx) {
			k.plan(min(k.planned, time.Since(k.out)+k.spec.Fresh()))
		}
		return watch, nil
	case errors.Is(err, ErrIn) && out:
		k.withdrawn = time.Time{}
		k.renew()
		k.plan(k.spec.Stale())
		k.fact(wire.Back, err.Error())
		return 0, nil
	case errors.Is(err, ErrIn) && time.Since(k.withdrawn) < anew:
		k.failure = err.Error()
		return poll, nil
	case errors.Is(err, ErrIn):
		k.withdrawn = time.Time{}
		return k.later(), fmt.Errorf("the withdrawal was taken %v ago and did nothing: %w", anew, err)
	case out: // a look that fails does not mean that it is back in
		return watch, nil
	}
	return k.later(), err
}

// lookAtServers notes the servers' caches without the withdrawal, unless that would delay it.
func (k *keeper) lookAtServers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	k.fresh(ctx)
}

// fresh reports whether the servers' own caches are seen to be right, for the first time.
func (k *keeper) fresh(ctx context.Context) bool {
	caching, does := k.registry.(Caching)
	asks := does && k.planned == k.spec.Stale() && k.spec.Fresh() < k.spec.Stale()
	return asks && caching.Cached(ctx, k.record) == nil
}

// plan reports what consumers may do, unless that was reported.
func (k *keeper) plan(stale time.Duration) {
	if stale != k.planned {
		k.planned = stale
		k.event(Plan(k.spec, stale))
	}
}

// Plan is for how long after its withdrawal consumers may be stale, and which silence shows that
// they are not.
func Plan(spec Spec, stale time.Duration) wire.Event {
	return wire.Event{Event: wire.Plan, StaleSeconds: stale.Seconds(), QuietSeconds: spec.Quiet().Seconds()}
}

// later is the time until the next try of what has just failed.
func (k *keeper) later() time.Duration {
	k.retry = min(max(2*k.retry, firstRetry), maxRetry)
	return k.retry
}

// fact reports where the instance stands, unless that was the last thing reported.
func (k *keeper) fact(event, detail string) {
	if k.said.Event != event {
		k.event(wire.Event{Event: event, Detail: detail})
	}
}

// failed reports why the instance is not out, unless that was the last thing reported.
func (k *keeper) failed() {
	e := wire.Event{Event: wire.Failed, Detail: k.failure, GivenUp: k.denied || !k.early()}
	last := k.said
	if last.Event == wire.Failed && last.GivenUp == e.GivenUp && (e.GivenUp || last.Detail == e.Detail) {
		return
	}
	if e.Detail == "" {
		e.Detail = "it was not confirmed in time"
	}
	k.event(e)
}

func (k *keeper) event(e wire.Event) {
	e.Registry, e.Time = k.spec.Name(), time.Now()
	e.Detail = oneLine(e.Detail)
	if e.Event != wire.Plan && e.Event != wire.Record {
		k.said = e
	}
	k.say(e)
}

// maxDetail bounds an event's line for people, in bytes.
const maxDetail = 1 << 10
