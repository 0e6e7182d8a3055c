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
	// turnover is the least time for which requests are waited for while they keep coming over
	// kept-alive connections. They would never end: no router opens these connections, and only
	// the application can close them, when it is told to stop. It counts from when the routers
	// were confirmed, or the last connection came.
	turnover = 200 * time.Millisecond
	// drainUnseen is how long to wait when what is in flight can't be seen: most requests take
	// less.
	drainUnseen = 5 * time.Second
)

// untilDrained waits until no request is in flight, or all that were in flight have been answered,
// or the budget for it is spent.
func (r *run) untilDrained(ctx context.Context) error {
	began := time.Now()
	r.draining = began
	if r.watch.since.IsZero() || len(r.registries) > 0 { // whose consumers stopped only now
		r.watch.mark(began)
	}
	late := false
	for !r.drained(time.Now()) && !late {
		var err error
		if late, err = r.awaitNext(ctx, r.drainBy); err != nil {
			return err
		}
		if r.watch.paced == r.watch.busy { // nothing else is waited for
			r.summary.Paced = max(r.summary.Paced, r.watch.paced)
		}
	}
	o := &r.summary
	o.Drained += time.Since(began)
	o.Hub = r.describeHub(time.Now()) // it may have taken its answer back
	o.Busy = r.watch.busy
	if late && !r.drained(time.Now()) {
		o.Undrained = true
		r.addFact(termination.DeadlineReached, "drain", fmt.Sprintf("%d of %d connections busy", r.watch.busy, r.watch.open))
		return nil
	}
	detail := fmt.Sprintf("%d connections open, none busy", r.watch.open)
	if r.watch.busy > 0 {
		detail = fmt.Sprintf("all in flight were answered; %d of %d connections busy with later requests", r.watch.busy, r.watch.open)
	}
	r.addFact(termination.Drained, "", detail)
	return nil
}
