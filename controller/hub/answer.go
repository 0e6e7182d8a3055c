package hub

import (
	"context"
	"errors"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
)

// answer is what may be said at this moment: it confirms nothing that the hub's own view is not recent
// enough for. Where that is not known already, it asks, for maxBehind at most.
func (t *Termination) answer() hubapi.ConfirmResponse {
	ctx, cancel := context.WithTimeout(t.hub.ctx, maxBehind)
	defer cancel()
	for {
		now := t.stands()
		if !now.Confirmed {
			return now.ConfirmResponse
		}
		asked, err := t.hub.recency.ensure(ctx, now.rests)
		if asked && err == nil {
			continue // something may have happened meanwhile
		}
		var why doubt
		if err != nil {
			errors.As(err, &why)
			now.Confirmed, now.Final = false, now.late
			now.Evidence = append(why.evidence(), now.Evidence...)
		}
		t.doubted(why)
		return now.ConfirmResponse
	}
}

// doubted notes why the last answer did not confirm what was found, for the pod's Event.
func (t *Termination) doubted(why doubt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doubt = why
}

// await returns once the answer is final, when the pod's grace period has become shorter, or when ctx
// is done.
func (t *Termination) await(ctx context.Context) {
	first := t.stands()
	for now := first; now.GraceSeconds == first.GraceSeconds; now = t.stands() {
		var again <-chan time.Time
		switch {
		case now.Confirmed && ctx.Err() == nil:
			asked, err := t.hub.recency.ensure(ctx, now.rests)
			switch {
			case err != nil && !now.late:
				again = time.After(maxBehind)
			case err != nil || !asked:
				return
			default:
				continue // something may have happened meanwhile
			}
		case now.Final:
			return
		}
		select {
		case <-now.changed:
		case <-again:
		case <-ctx.Done():
			return
		case <-t.hub.ctx.Done():
			return
		}
	}
}

// hold returns when what its agent knows to be confirmed no longer holds, when the grace period has
// become shorter, when there is other news than the agent has heard, or when ctx is done. An agent of a
// version before does not say what it has heard.
func (t *Termination) hold(ctx context.Context, heard *uint64) {
	first := t.stands()
	if heard == nil {
		heard = first.News
	}
	for {
		look := t.looksAgain()
		now := t.stands()
		if !now.Confirmed || now.GraceSeconds < first.GraceSeconds || *now.News != *heard || look == nil {
			return
		}
		select {
		case <-now.changed:
		case <-look:
		case <-ctx.Done():
			return
		case <-t.hub.ctx.Done():
			return
		}
	}
}

// looksAgain is closed when what was confirmed may no longer hold; nil when nothing can change.
func (t *Termination) looksAgain() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != confirmed {
		return nil
	}
	return t.watch.State().Changed
}

// enterCall keeps it from being forgotten while a call waits.
func (t *Termination) enterCall() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
}

func (t *Termination) leaveCall() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls--
}
