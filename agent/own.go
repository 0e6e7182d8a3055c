package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lameduck-dev/lameduck/agent/guard"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// hookEnds is how long the pod's own hook has to end after its context ended.
const hookEnds = 100 * time.Millisecond

// hookResult is how the pod's own hook ended.
type hookResult struct {
	text string
	err  error
}

// startHook starts the pod's own hook, if it has one.
func (r *run) startHook(ctx context.Context) {
	if r.parts.Hook == nil {
		return
	}
	r.hooking = make(chan hookResult, 1)
	ctx, r.stopHook = context.WithCancel(ctx)
	guard.Go(func() {
		text, err := r.parts.Hook.Run(ctx)
		r.hooking <- hookResult{text, err}
	}, func(err error) { r.hooking <- hookResult{"panicked", err} })
}

// ownHook runs the pod's own hook, or waits for it if it has run since the beginning. It returns by
// the hook's deadline even if the pod's own hook goes on.
func (r *run) ownHook(ctx context.Context) error {
	if r.parts.Hook == nil || r.summary.Hook != "" {
		return nil
	}
	began := time.Now()
	if r.hooking == nil {
		r.startHook(ctx)
	}
	result := r.hookEnd(ctx)
	r.summary.Hook, r.summary.HookTook = result.text, time.Since(began)
	if result.err != nil {
		r.addFact(termination.HookDone, "", result.text+": "+result.err.Error())
		return fmt.Errorf("the pod's own hook: %w", result.err)
	}
	r.addFact(termination.HookDone, "", result.text)
	return nil
}

// hookEnd waits for the end of the pod's own hook. What happens meanwhile is taken in: the grace period
// may become shorter, and what was confirmed be taken back.
func (r *run) hookEnd(ctx context.Context) hookResult {
	for r.hooked == nil {
		if late, err := r.awaitNext(ctx, r.hookBy); late || err != nil {
			break
		}
	}
	r.stopHook()
	if r.hooked != nil {
		return *r.hooked
	}
	select {
	case result := <-r.hooking:
		return result
	case <-time.After(hookEnds):
		return hookResult{"hangs", errors.New("it did not end when its time was over")}
	}
}
