package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/agent/guard"
	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const (
	// pollFor is how long one call asks the hub to hold its answer: short enough to find another
	// hub in time if one hangs.
	pollFor = 5 * time.Second
	// callSlack is what a call may take beyond that until it counts as failed.
	callSlack = 3 * time.Second
	// The pause after a call that brought nothing doubles from the first to the last, half of it
	// random: many pods may be stopping at once.
	firstPause, lastPause = 50 * time.Millisecond, time.Second
	// listenEvery is the pause between calls of an agent that knows its answer, where the hub does
	// not hold them. It goes on asking: a confirmation may be taken back, the grace period shortened.
	listenEvery = time.Second
	// newsEvery is the pause between calls where the hub answers as soon as routers say something else.
	newsEvery = 200 * time.Millisecond
	// notYetFor is how long a hub's "not yet" stands when nothing more is heard from it. A new
	// leader takes the lease over within 6 s, and answers a few calls later.
	notYetFor = 10 * time.Second
	// patience is how long the agent does not believe that the pod is not terminating: the hub's
	// view of the pod may lag behind the kubelet's.
	patience = 2 * time.Second
)

// knowledge is what the hub has said so far.
type knowledge int

const (
	unheard   knowledge = iota // it has not answered yet
	waiting                    // it answers, and the routers are not confirmed
	confirmed                  // with evidence that holds
	final                      // it can't confirm, and asking again will not help
	failed                     // the last call failed, or brought nonsense
)

// hubState is what the agent knows from its hub.
type hubState struct {
	known  knowledge
	at     time.Time // of the last change
	notYet time.Time // when it last said that the routers are not confirmed
	nodes  int
	slices time.Time // by the hub's clock: when the last slice no longer offered the pod
	passed time.Time // by the hub's clock: when the last node had passed the barrier
	missed []string  // what the hub could not confirm
	// unserved: with its confirmation it said that no Service has the pod.
	unserved bool
	// undeleted: its last word was that nobody has deleted the pod: a container is restarted.
	undeleted bool
	err       error // of the last call, if it failed
}

// now is what the agent goes by. When later calls fail, what was heard stands; "not yet" stands for
// a while.
func (h *hubState) now(at time.Time) knowledge {
	if h.known == waiting && h.err != nil && at.Sub(h.notYet) >= notYetFor {
		return failed
	}
	return h.known
}

// answer is what one call brought.
type answer struct {
	hubapi.ConfirmResponse
	err error
}

// judge decides what an answer is worth, when it came that long after the hook's start.
func (a answer) judge(after time.Duration) (knowledge, error) {
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

// askHub starts a goroutine that asks the hub until ctx is over; awaitNext takes in the answers.
func (r *run) askHub(ctx context.Context) {
	r.answers = make(chan answer)
	if r.parts.Hub == nil {
		return
	}
	asker := asker{hub: r.parts.Hub, start: r.start, answers: r.answers, roll: &r.roll}
	guard.Go(func() { asker.run(ctx) }, func(err error) { asker.pass(ctx, answer{err: err}) })
}

// asker asks the hub, and passes on every answer.
type asker struct {
	hub     Hub
	start   time.Time
	answers chan<- answer
	roll    *roll
}

func (k *asker) pass(ctx context.Context, a answer) bool {
	select {
	case k.answers <- a:
		return true
	case <-ctx.Done():
		return false
	}
}

// run asks until ctx is over. The first calls do not wait: they announce, and bring the real grace
// period at once.
func (k *asker) run(ctx context.Context) {
	pause, question, news := firstPause, hubapi.Question{}, uint64(0)
	for {
		question.News = news
		began := time.Now()
		a := k.once(ctx, question)
		if !k.pass(ctx, a) {
			return
		}
		if a.News != nil {
			news = *a.News
		}
		known, _ := a.judge(time.Since(k.start))
		held := time.Since(began) >= question.Wait/2 // as it was asked to
		switch {
		case known == confirmed || known == final:
			question = hubapi.Question{Wait: pollFor, Confirmed: known == confirmed}
			if a.notTerminating() {
				question.Wait = 0 // it may be deleted at any time, and then the grace period must be known at once
				break
			}
			var all bool
			if question.Peers, all = k.roll.read(ctx); !all && known == confirmed {
				question.Wait = 0 // peers that came since are waited for until the hub says what they are
				break
			}
			if pause = firstPause; !held || began.Sub(k.start) < listenEvery {
				again := listenEvery
				if a.News != nil {
					again = newsEvery
				}
				sleepUntil(ctx, time.Now().Add(again))
			}
			continue
		case known == waiting && (a.GraceSeconds > 0 || time.Since(k.start) >= patience):
			question = hubapi.Question{Wait: pollFor}
			if question.Peers, _ = k.roll.read(ctx); held {
				pause = firstPause
				continue
			}
		}
		sleepUntil(ctx, time.Now().Add(pause/2+rand.N(pause/2)))
		pause = min(2*pause, lastPause)
	}
}

func (k *asker) once(ctx context.Context, question hubapi.Question) (a answer) {
	defer func() {
		if cause := recover(); cause != nil {
			a = answer{err: fmt.Errorf("panic: %v", cause)}
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, question.Wait+callSlack, errors.New("the hub did not answer in time"))
	defer cancel()
	response, err := k.hub.Confirm(ctx, question)
	return answer{response, err}
}

// maxNamed bounds how many of the hub's facts go into the timeline: the hub has them all.
const maxNamed = 20

// hearAnswer takes an answer in.
func (r *run) hearAnswer(a answer) {
	now := time.Now()
	known, err := a.judge(now.Sub(r.start))
	r.hub.err = err
	if err == nil {
		if r.hub.undeleted && a.GraceSeconds > 0 { // it was deleted since
			r.hub.undeleted, r.hub.known, r.budget, r.told = false, unheard, r.config.Budget, 0
		}
		r.hearGrace(time.Duration(min(a.GraceSeconds, int64(termination.MaxGrace/time.Second))) * time.Second)
		r.watch.peers.classify(a.Peers)
		switch {
		case !a.DNSForgot:
			r.watch.peers.dnsForgot = time.Time{}
		case r.watch.peers.dnsForgot.IsZero():
			r.watch.peers.dnsForgot = now
		}
		r.watch.peers.hearRouters(a.Routers, now)
		r.writeRoll(true)
	}
	if known == waiting {
		r.hub.notYet = now
	}
	if known == confirmed {
		r.hub.unserved = a.Unserved()
	}
	if known == r.hub.known || !r.learns(known) {
		return
	}
	if r.hub.undeleted = known == final && a.notTerminating(); r.hub.undeleted {
		r.hearGrace(r.config.RestartGrace)
	}
	r.hub.known, r.hub.at, r.hub.nodes, r.hub.missed = known, now, a.Nodes, nil
	switch known {
	case confirmed:
		r.watch.mark(now)
	case final:
	default:
		return
	}
	passed := 0
	for _, fact := range a.Evidence {
		if fact.Kind == termination.BarrierPassed {
			passed++
			r.hub.passed = later(r.hub.passed, fact.Time)
			continue
		}
		if fact.Kind == termination.SliceNotReady {
			r.hub.slices = later(r.hub.slices, fact.Time)
		}
		if len(r.summary.Timeline.Evidence) < maxNamed {
			fact.Subject, fact.Detail, fact.Source = clip(fact.Subject, 253), clip(fact.Detail, 256), clip(fact.Source, 64)
			r.summary.Timeline.Add(fact)
		}
	}
	for _, fact := range a.Against() {
		r.hub.missed = append(r.hub.missed, strings.TrimSpace(string(fact.Kind)+" "+clip(fact.Subject, 64)))
	}
	r.hub.nodes = max(a.Nodes, passed)
	if r.hub.nodes > 0 && len(r.summary.Timeline.Evidence) < 2*maxNamed { // a hub may change its mind again and again
		r.summary.Timeline.Add(termination.Evidence{Time: time.Now(), Kind: termination.BarrierPassed, Source: "hub", Detail: fmt.Sprintf("%d nodes", r.hub.nodes)})
	}
}

// learns reports whether next adds to what is known. A call that failed takes nothing away, and
// what can't be confirmed may still be confirmed by the next leader.
func (r *run) learns(next knowledge) bool {
	switch r.hub.known {
	case waiting, confirmed:
		return next != failed
	case final:
		return next == confirmed
	}
	return true
}

func clip(text string, size int) string {
	if len(text) > size {
		return strings.ToValidUTF8(text[:size], "")
	}
	return text
}
