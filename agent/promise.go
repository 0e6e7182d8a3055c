package agent

import (
	"cmp"
	"fmt"
	"time"
)

// The promise: unless it knows that everyone who could know the pod's address has stopped, the
// agent waits as long as `sleep 15` would before the pod's own hook and SIGTERM, as far as the grace
// period leaves the application its least time to stop.
//
// The pod's own hook may be what stops the server (`nginx -s quit`), so it belongs to the stop. Where
// the grace period is short, its time is taken from the least time to stop: the kubelet gives 2 s from
// SIGTERM to SIGKILL even when the grace period is over.

// leastStop is the least time to stop that the fallback leaves: a third of the grace period, at most
// 5 s. A `sleep 15` in a grace period of 20 s leaves as much; in a shorter one it leaves only the 2 s
// of the kubelet.
func leastStop(grace time.Duration) time.Duration { return min(5*time.Second, grace/3) }

// leastHook is the least time for the pod's own hook.
func leastHook(grace time.Duration) time.Duration { return min(2*time.Second, grace/5) }

// grace is the real grace period, if the hub has told it, and else the configured one.
func (r *run) grace() time.Duration { return cmp.Or(r.told, r.budget.Grace) }

// hearGrace takes over the real grace period. A longer one than configured leaves the budget, which is
// what the pod asked for; but the fallback goes by it.
func (r *run) hearGrace(grace time.Duration) {
	if grace <= 0 || r.told > 0 && grace > r.told {
		return
	}
	r.told = grace
	if grace < r.budget.Grace {
		r.budget = r.config.Budget.Split(grace)
	}
	r.summary.Timeline.Budget = r.budget
}

// fallback is the least wait where the agent does not know. It wins over the split of the budget.
func (r *run) fallback() time.Duration {
	return max(0, min(r.config.FallbackWait, r.grace()-leastStop(r.grace())))
}

func (r *run) fallbackBy() time.Time { return r.start.Add(r.fallback()) }

// tooEarly reports whether the promise forbids the pod's own hook and the hook's end: nothing is
// confirmed, and the fallback is not over.
func (r *run) tooEarly(now time.Time) bool {
	return r.hub.now(now) != confirmed && now.Before(r.fallbackBy())
}

// fallbackShort says that the grace period does not hold the whole fallback; empty if it does.
func (r *run) fallbackShort() string {
	if kept := r.fallback(); kept < r.config.FallbackWait {
		return fmt.Sprintf("the grace period of %s allows %s of the fallback's %s", seconds(r.grace()), seconds(kept), seconds(r.config.FallbackWait))
	}
	return ""
}

// confirmBy, drainBy and hookBy are the deadlines of the waits, in that order, none before the end of
// the fallback. They are asked again at each step: they move when the real grace period becomes known.
func (r *run) confirmBy() time.Time {
	by := earlier(r.start.Add(r.budget.Announce+r.budget.Confirm), r.drainBy())
	return later(by, r.fallbackBy())
}

// drainBy keeps a third of the drain's time for the pod's own hook, but at least its least time.
func (r *run) drainBy() time.Time {
	by := r.hookBy()
	if r.hooksLast() {
		by = by.Add(-max(r.budget.Drain/3, leastHook(r.grace())))
	}
	return later(by, r.fallbackBy())
}

func (r *run) hookBy() time.Time {
	hook, least := r.budget.Hook(), r.fallbackBy()
	if r.hooksLast() {
		least = least.Add(leastHook(r.grace()))
	}
	return later(r.start.Add(hook-min(reportTime, hook/10)), least)
}

// hooksLast reports whether the pod's own hook runs after the drain.
func (r *run) hooksLast() bool { return r.parts.Hook != nil && !r.parts.AtAnnounce }

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
