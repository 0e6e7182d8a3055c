package hub

import (
	"context"
	"fmt"
	"time"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// found is what a follower found out, and when.
type found struct {
	outcome  Outcome
	since    uint64 // the state that it is about
	nodes    int    // that passed
	missed   int
	evidence []termination.Evidence

	out      time.Time     // when the pod was seen to be out
	passed   time.Time     // when the last node had passed
	caughtUp time.Duration // how far the hub's own view was behind
}

// catchUp waits until the hub's own view has taken in the write that the nodes have acknowledged,
// and gives how much later than the API server's answer that was.
func (h *Hub) catchUp(ctx context.Context, verdicts []barrier.Verdict) (behind time.Duration, ok bool) {
	version, written, acked := newest(verdicts)
	ctx, cancel := context.WithTimeout(ctx, maxBehind)
	defer cancel()
	at, ok := delivered(ctx, h.config.View, version)
	if !ok {
		return time.Since(written), false
	}
	h.recency.passed(written, acked)
	return max(0, at.Sub(written)), true
}

// pass runs the barrier for each family's kube-proxies, side by side.
func (h *Hub) pass(ctx context.Context, state view.State, change barrier.Change) []barrier.Verdict {
	results := make(chan []barrier.Verdict)
	for _, family := range state.Families {
		go func() { results <- h.config.Barriers(family).Pass(ctx, change) }()
	}
	var all []barrier.Verdict
	for range state.Families {
		all = append(all, <-results...)
	}
	return all
}

// judge joins the look and the nodes' verdicts.
func judge(state view.State, verdicts []barrier.Verdict) found {
	now := time.Now()
	facts := lookEvidence(state)
	passed, missed := barrierEvidence(verdicts)
	f := found{outcome: Confirmed, since: state.Since, nodes: len(passed), missed: len(missed), out: state.At, passed: state.At}
	for _, fact := range passed {
		if fact.Time.After(f.passed) {
			f.passed = fact.Time
		}
	}
	switch {
	case !state.Out():
		f.outcome = StillOffered
	case len(verdicts) == 0:
		f.outcome = Missed
		facts = append(facts, termination.Evidence{Time: now, Kind: termination.Unreachable, Source: "hub", Subject: "kube-proxy", Detail: "no node could be asked in time"})
	case len(missed) > 0:
		f.outcome = Missed
	}
	f.evidence = abridge(facts, missed, passed)
	return f
}

// behind turns what was found into an answer that confirms nothing.
func (f found) behind() found {
	f.outcome = Behind
	f.evidence = append([]termination.Evidence{{
		Time: time.Now(), Kind: termination.Unreachable, Source: "hub", Subject: "EndpointSlices",
		Detail: fmt.Sprintf("the hub's own view is %.1f s behind the API server", f.caughtUp.Seconds()),
	}}, f.evidence...)
	return f
}
