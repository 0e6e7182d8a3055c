package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const (
	// pollFor is how long one call asks the hub to hold its answer: short enough to find
	// another hub in time when one hangs.
	pollFor = 5 * time.Second
	// callSlack is what a call may take beyond that until it counts as failed.
	callSlack = 3 * time.Second
	// The pause after a call that brought nothing doubles between these, half of it random:
	// many pods may be stopping at once.
	firstPause, lastPause = 50 * time.Millisecond, time.Second
	// patience is how long it is not believed that the pod is not terminating: the hub's view
	// of the pod may lag behind the kubelet's.
	patience = 2 * time.Second
)

// verdict is where the conversation with the hub stands.
type verdict int

const (
	unheard   verdict = iota // it has not answered yet
	waiting                  // it answers, and the routers are not confirmed
	confirmed                // with evidence that holds
	final                    // it can't confirm, and asking again will not help
	failed                   // the last call failed, or brought nonsense
)

// hubState is what the agent knows from its hub.
type hubState struct {
	verdict verdict
	at      time.Time // of the last change
	nodes   int
	missed  []string // what the hub could not confirm
	err     error    // why it failed
}

// answer is what one call brought.
type answer struct {
	hubapi.ConfirmResponse
	err error
}

// judge decides what an answer is worth, when it came that long after the hook's start.
func (a answer) judge(after time.Duration) (verdict, error) {
	if a.err != nil {
		return failed, a.err
	}
	if a.Error != "" {
		return failed, fmt.Errorf("the hub reports: %s", a.Error)
	}
	if a.Confirmed {
		if err := a.Check(); err != nil {
			return failed, err
		}
		return confirmed, nil
	}
	if !a.Final || a.notTerminating() && after < patience {
		return waiting, nil
	}
	return final, nil
}

func (a answer) notTerminating() bool {
	for _, fact := range a.Evidence {
		if fact.Kind == termination.NotTerminating {
			return true
		}
	}
	return false
}

// askHub asks until the answer is settled or ctx is over, and passes on every answer.
//
// The first calls do not wait: they announce, and bring the real grace period at once.
func askHub(ctx context.Context, hub Hub, start time.Time, answers chan<- answer) {
	pause, wait := firstPause, time.Duration(0)
	for {
		began := time.Now()
		a := confirmOnce(ctx, hub, wait)
		select {
		case answers <- a:
		case <-ctx.Done():
			return
		}
		verdict, _ := a.judge(time.Since(start))
		if verdict == confirmed || verdict == final {
			return
		}
		if verdict == waiting && (a.GraceSeconds > 0 || time.Since(start) >= patience) {
			held := time.Since(began) >= wait/2 // as it was asked to
			wait = pollFor
			if held {
				pause = firstPause
				continue
			}
		}
		sleepUntil(ctx, time.Now().Add(pause/2+rand.N(pause/2)))
		pause = min(2*pause, lastPause)
	}
}

func confirmOnce(ctx context.Context, hub Hub, wait time.Duration) (a answer) {
	defer func() {
		if cause := recover(); cause != nil {
			a = answer{err: fmt.Errorf("panic: %v", cause)}
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, wait+callSlack, errors.New("the hub did not answer in time"))
	defer cancel()
	response, err := hub.Confirm(ctx, wait)
	return answer{response, err}
}

// maxNamed bounds how many of the hub's facts go into the timeline: the hub has them all.
const maxNamed = 20

// hear takes note of an answer.
func (r *run) hear(a answer) {
	verdict, err := a.judge(time.Since(r.start))
	if err == nil {
		r.tighten(time.Duration(min(a.GraceSeconds, maxGraceSeconds)) * time.Second)
	}
	if verdict != r.hub.verdict {
		if r.hub.at = time.Now(); verdict == confirmed {
			r.watch.mark(r.hub.at)
		}
	}
	r.hub.verdict, r.hub.err, r.hub.nodes = verdict, err, a.Nodes
	if verdict != confirmed && verdict != final {
		return
	}
	passed := 0
	for _, fact := range a.Evidence {
		if fact.Kind == termination.BarrierPassed {
			passed++
			continue
		}
		if len(r.outcome.Timeline.Evidence) < maxNamed {
			fact.Subject, fact.Detail, fact.Source = clip(fact.Subject, 253), clip(fact.Detail, 256), clip(fact.Source, 64)
			r.outcome.Timeline.Add(fact)
		}
	}
	for _, fact := range a.Against() {
		r.hub.missed = append(r.hub.missed, strings.TrimSpace(string(fact.Kind)+" "+clip(fact.Subject, 64)))
	}
	r.hub.nodes = max(a.Nodes, passed)
	if r.hub.nodes > 0 {
		r.outcome.Timeline.Add(termination.Evidence{Time: time.Now(), Kind: termination.BarrierPassed, Source: "hub", Detail: fmt.Sprintf("%d nodes", r.hub.nodes)})
	}
}

// maxGraceSeconds keeps an absurd grace period from overflowing: a year.
const maxGraceSeconds = 366 * 24 * 3600

func clip(text string, size int) string {
	if len(text) > size {
		return text[:size]
	}
	return text
}
