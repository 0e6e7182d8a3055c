package agent

import (
	"context"
	"fmt"
	"time"
)

// The promise: unless it knows that everyone who could know the pod's address has stopped, the
// agent waits as long as `sleep 15` would, as far as the grace period leaves the application its
// least time to stop.

// leastStop is the least time from SIGTERM to SIGKILL that the fallback leaves: a third of the grace
// period, at most 5 s. A `sleep 15` in a grace period of 20 s leaves as much; in a shorter one it
// leaves only the 2 s that the kubelet adds.
func leastStop(grace time.Duration) time.Duration { return min(5*time.Second, grace/3) }

// fallback is the least wait where the agent does not know. It wins over the split of the budget.
func (r *run) fallback() time.Duration {
	return max(0, min(r.config.FallbackWait, r.budget.Grace-leastStop(r.budget.Grace)))
}

// fallbackShort says that the grace period does not hold the whole fallback; empty if it does.
func (r *run) fallbackShort() string {
	if kept := r.fallback(); kept < r.config.FallbackWait {
		return fmt.Sprintf("the grace period of %s allows %s of the fallback's %s", seconds(r.budget.Grace), seconds(kept), seconds(r.config.FallbackWait))
	}
	return ""
}

// confirmBy, drainBy and hookBy are the deadlines of the waits. They are asked again at each step,
// since they move closer when the real grace period is shorter than configured. None is before the
// end of the fallback, unless the pod's own hook needs the time: the rest of the fallback is waited
// after the hook then.
func (r *run) confirmBy() time.Time {
	by := earlier(r.start.Add(r.budget.Announce+r.budget.Confirm), r.drainBy())
	return later(by, earlier(r.start.Add(r.fallback()), r.drainBy()))
}

func (r *run) drainBy() time.Time { return r.hookBy().Add(-r.hookTime()) }

func (r *run) hookBy() time.Time {
	hook := r.budget.Hook()
	by := r.start.Add(hook - min(reportTime, hook/10))
	return later(by, r.start.Add(r.fallback()))
}

// hookTime is the least time for the pod's own hook after the drain: a third of the drain's, and where
// that is little, a fifth of the grace period, up to 2 s.
func (r *run) hookTime() time.Duration {
	if r.parts.Hook == nil || r.parts.AtAnnounce {
		return 0
	}
	return max(r.budget.Drain/3, min(2*time.Second, r.budget.Grace/5))
}

// untilFallback waits for what the pod's own hook has left of the fallback, unless the routers are
// confirmed.
func (r *run) untilFallback(ctx context.Context) error {
	by := r.start.Add(r.fallback())
	for late := !time.Now().Before(by); !late && r.hub.now(time.Now()) != confirmed; {
		var err error
		if late, err = r.awaitNext(ctx, by); err != nil {
			return err
		}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
