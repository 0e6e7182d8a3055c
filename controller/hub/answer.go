package hub

import (
	"context"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
)

// await gives the answer once it is final, or as it stands when ctx is done or the pod's grace
// period has become shorter.
func (t *Termination) await(ctx context.Context) hubapi.ConfirmResponse {
	first, final, changed := t.answer()
	response := first
	for !final && response.GraceSeconds == first.GraceSeconds {
		select {
		case <-changed:
		case <-ctx.Done():
			return response
		case <-t.hub.ctx.Done():
			return hubapi.ConfirmResponse{Error: errStopping.Error()}
		}
		response, final, changed = t.answer()
	}
	return response
}

// hold gives an agent that knows it is confirmed its answer: when that no longer holds, or the
// grace period has become shorter, or as it stands when ctx is done.
func (t *Termination) hold(ctx context.Context) hubapi.ConfirmResponse {
	first, _, _ := t.answer()
	for {
		look := t.looksAgain()
		response, _, changed := t.answer()
		if !response.Confirmed || response.GraceSeconds < first.GraceSeconds || response.DNSForgot != first.DNSForgot || look == nil {
			return response
		}
		select {
		case <-changed:
		case <-look:
		case <-ctx.Done():
			return response
		case <-t.hub.ctx.Done():
			return hubapi.ConfirmResponse{Error: errStopping.Error()}
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
