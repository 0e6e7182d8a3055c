package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const (
	// calmLooks are how many looks in a row must find no request in flight.
	calmLooks = 3
	// turnover is how long requests are waited for at the least while they go on coming over
	// connections that are kept alive. They would never end: no router makes them, and only
	// the application can close these connections, when it is told to stop. It counts from
	// when the routers were confirmed, or the last connection came.
	turnover = 200 * time.Millisecond
	// drainUnseen is waited when it can't be seen what is in flight: most requests take less.
	drainUnseen = 5 * time.Second
)

// untilDrained waits until no request is in flight, or all that were have been answered, or
// the budget for it is spent.
func (r *run) untilDrained(ctx context.Context) error {
	began := time.Now()
	r.draining = began
	if r.watch.since.IsZero() || len(r.registries) > 0 { // whose consumers have only stopped now
		r.watch.mark(began)
	}
	late := false
	for !r.drained(time.Now()) && !late {
		var err error
		if late, err = r.next(ctx, r.drainBy()); err != nil {
			return err
		}
		if r.watch.paced == r.watch.busy { // nothing else is waited for
			r.outcome.Paced = max(r.outcome.Paced, r.watch.paced)
		}
	}
	o := &r.outcome
	o.Drained += time.Since(began)
	o.Hub = r.describeHub(time.Now()) // it may have taken back what it said
	o.Busy = r.watch.busy
	if late && !r.drained(time.Now()) {
		o.Undrained = true
		r.saw(termination.DeadlineReached, "drain", fmt.Sprintf("%d of %d connections busy", r.watch.busy, r.watch.open))
		return nil
	}
	detail := fmt.Sprintf("%d connections open, none busy", r.watch.open)
	if r.watch.busy > 0 {
		detail = fmt.Sprintf("all in flight were answered; %d of %d connections busy with later requests", r.watch.busy, r.watch.open)
	}
	r.saw(termination.Drained, "", detail)
	return nil
}

func (r *run) drained(now time.Time) bool {
	took := now.Sub(r.draining)
	// A confirmation that was taken back: kube-proxy sends to the pod again. Without one the fallback
	// holds, as before the drain.
	verdict := r.hub.now(now)
	if !r.outcome.Late && now.Before(r.confirmBy()) && (verdict == waiting || verdict != confirmed && now.Sub(r.start) < r.fallback()) {
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
	if !r.outcome.Late && now.Before(r.confirmBy()) && !r.quiet() {
		return false
	}
	return r.watch.calm >= calmLooks || now.Sub(r.watch.since) >= turnover && r.watch.answered()
}
