package hub

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// state is where a termination stands.
//
//	undeleted ──► following ──► confirmed ──► gone
//	               ▲     │          │
//	               │     ▼          │ taken back
//	               │  unconfirmed ──┼───────► gone
//	               └────────────────┘
//
// A pod that stops without being deleted (a container that is restarted) stays undeleted: nobody
// was told that it is leaving.
type state int

const (
	undeleted   state = iota
	following         // a follower is finding out whether the routers have stopped
	confirmed         // they have, as of since; checked again at every answer
	unconfirmed       // the time for it is over, or waiting can't help
	gone              // the pod no longer exists
)

// Termination is one pod's way out, as the hub knows it. It knows nothing about HTTP.
type Termination struct {
	hub *Hub
	pod view.Pod

	mu      sync.Mutex
	state   state
	object  *corev1.Pod
	began   time.Time
	ended   time.Time     // when it was gone; of a pod that was never deleted, its last report
	changed chan struct{} // closed at every transition
	grace   time.Duration // deletionGracePeriodSeconds; it only ever shrinks

	watch  *view.Watch // while it is followed, confirmed or unconfirmed
	cancel context.CancelFunc
	expiry *time.Timer // ends the following

	since    uint64 // the state that is confirmed; 0: none is
	took     time.Duration
	nodes    int
	evidence []termination.Evidence
	doubt    doubt // why the last answer did not confirm that state; zero: it did

	resolving context.CancelFunc // ends the questions to DNS and to routers
	resolved  bool               // no client can have the address from DNS any more
	words     words

	calls   int
	reports reports
}

func newTermination(h *Hub, object *corev1.Pod) *Termination {
	t := &Termination{hub: h, pod: viewOf(object), object: object, began: time.Now(), ended: time.Now(), changed: make(chan struct{})}
	t.words.news = rand.Uint64() >> 1 // what agents have heard from another hub must not look like it
	return t
}

func viewOf(object *corev1.Pod) view.Pod {
	pod := view.Pod{Namespace: object.Namespace, Name: object.Name, UID: string(object.UID), Node: object.Spec.NodeName}
	for _, ip := range object.Status.PodIPs {
		pod.IPs = append(pod.IPs, ip.IP)
	}
	return pod
}

// enter makes a transition; the mutex is held.
func (t *Termination) enter(next state) {
	t.state = next
	t.wake()
}

func (t *Termination) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// follow begins to follow the pod, or notes a shorter grace period.
func (t *Termination) follow(object *corev1.Pod) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == gone {
		return
	}
	t.object = object
	if seconds := object.DeletionGracePeriodSeconds; seconds != nil {
		if grace := time.Duration(*seconds) * time.Second; t.state == undeleted || grace < t.grace {
			t.grace = grace
			t.wake()
		}
	}
	switch t.state {
	case undeleted:
		t.began = time.Now()
		t.pod = viewOf(object) // its address may have changed since a container was restarted
		t.watch = t.hub.config.View.Watch(t.pod)
		t.hub.config.Observer.Began()
		t.begin()
	case following:
		t.expiry.Reset(t.left())
	}
}

// begin starts a follower; the mutex is held, and there is none.
func (t *Termination) begin() {
	ctx, cancel := context.WithCancel(t.hub.ctx)
	t.cancel = cancel
	t.expiry = time.AfterFunc(t.left(), cancel)
	t.since, t.nodes, t.evidence, t.doubt = 0, 0, nil, doubt{}
	t.endResolving()
	t.enter(following)
	watch := t.watch
	t.hub.working.Go(func() { t.conclude(t.find(ctx, watch)) })
}

// left is how long the hub goes on before it gives a final answer. A default budget keeps half of
// the grace period for confirming (30 s of 60 s); two fifths leave the agent time to go by what it
// sees itself.
func (t *Termination) left() time.Duration {
	bound := min(max(t.grace*2/5, time.Second), 10*time.Minute)
	return max(0, bound-time.Since(t.began))
}

// find follows the pod until every kube-proxy has programmed a state in which it is out, and the
// hub's own view has come as far and shows it still out; or until ctx is over, or waiting can't help.
func (t *Termination) find(ctx context.Context, watch *view.Watch) found {
	h := t.hub
	forced := uint64(0) // what the barrier's next write has to be above
	for {
		// The pod is out: no slice offers it, and another endpoint is ready in its place.
		state := watch.State()
		if len(state.Waiting) > 0 {
			t.noteEvidence(lookEvidence(state))
			select {
			case <-state.Changed:
				continue
			case <-ctx.Done():
				return judge(state, nil)
			}
		}
		if len(state.Stuck) > 0 { // it is offered for as long as it runs: no barrier changes that
			return judge(state, nil)
		}

		// Every kube-proxy knows: it has programmed a write that came after that state.
		change := barrier.Change{ResourceVersion: max(state.Since, forced), Late: h.config.Late(t.pod.Namespace)}
		verdicts := h.pass(ctx, state, change)
		f := judge(state, verdicts)

		// The hub knows as much as they do: its own view has taken that write in.
		if f.outcome == Confirmed {
			caughtUp, inTime := h.catchUp(ctx, verdicts)
			f.caughtUp = caughtUp
			switch {
			case !inTime && ctx.Err() == nil:
				forced, _, _ = newest(verdicts) // another write shows how far the view is then
				continue
			case !inTime:
				return f.behind()
			}
		}

		// And the pod is still out.
		if now := watch.State(); ctx.Err() == nil && (now.Out() != state.Out() || now.Since != state.Since) {
			continue
		}
		return f
	}
}

// conclude takes in what the follower found.
func (t *Termination) conclude(f found) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != following || t.hub.ctx.Err() != nil {
		return // the pod is gone, or the hub stops
	}
	t.endFollower()
	t.took, t.nodes, t.evidence = time.Since(t.began), f.nodes, f.evidence
	if f.outcome == Confirmed {
		t.since = f.since
		t.enter(confirmed)
		var ctx context.Context
		ctx, t.resolving = context.WithCancel(t.hub.ctx)
		t.hub.working.Go(func() { t.resolve(ctx) })
		t.hub.working.Go(func() { t.askRouters(ctx) })
	} else {
		t.enter(unconfirmed)
	}
	t.hub.config.Observer.Found(f.outcome, t.took)
	t.hub.config.Log.Info("hub: termination", "pod", t.pod.Namespace+"/"+t.pod.Name, "outcome", f.outcome,
		"took", t.took.Round(time.Millisecond), "out", f.out.Sub(t.began).Round(time.Millisecond),
		"passed", f.passed.Sub(f.out).Round(time.Millisecond), "caughtUp", f.caughtUp.Round(time.Millisecond), "nodes", f.nodes, "missed", f.missed)
}

func (t *Termination) endFollower() {
	if t.cancel != nil {
		t.cancel()
		t.expiry.Stop()
	}
}

// endResolving takes back what DNS and routers have shown; the mutex is held.
func (t *Termination) endResolving() {
	if t.resolving != nil {
		t.resolving()
	}
	t.resolved, t.words.said = false, nil
	t.words.news++
}

// noteEvidence keeps what is known so far, for calls that come before the end of the following.
func (t *Termination) noteEvidence(evidence []termination.Evidence) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == following {
		t.evidence = evidence
	}
}

// goneNow ends it: the pod no longer exists.
func (t *Termination) goneNow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == gone {
		return
	}
	followed := t.state != undeleted
	t.ended = time.Now()
	t.enter(gone)
	t.endFollower()
	t.endResolving()
	if followed {
		t.watch.Close()
		t.hub.config.Observer.Gone()
	}
}

// over reports whether it may be forgotten.
func (t *Termination) over(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return (t.state == gone || t.state == undeleted) && t.calls == 0 && now.Sub(t.ended) > keep
}

// close releases what it holds and writes the Event that is due.
func (t *Termination) close() {
	t.mu.Lock()
	if t.state != gone && t.state != undeleted {
		t.endFollower()
		t.endResolving()
		t.watch.Close()
	}
	t.state = gone
	t.mu.Unlock()
	t.flush()
}

// standing is what is known of a termination at one moment.
type standing struct {
	hubapi.ConfirmResponse                               // confirmed as far as the view goes
	rests                  map[types.NamespacedName]bool // see view.Look
	changed                <-chan struct{}               // closed when another answer may be due
	late                   bool                          // the time to confirm is over
}

// stands judges what is known at this moment, and begins anew if what was confirmed holds no more.
func (t *Termination) stands() standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == confirmed && !t.holds() && t.hub.ctx.Err() == nil {
		t.begin()
	}
	now := standing{changed: t.changed, late: t.left() == 0, ConfirmResponse: hubapi.ConfirmResponse{
		Confirmed:    t.since > 0 && t.holds(),
		Evidence:     t.evidence,
		Nodes:        t.nodes,
		GraceSeconds: int64(t.grace / time.Second),
		DNSForgot:    t.resolved,
		News:         new(t.words.news),
	}}
	if now.Confirmed {
		now.Routers = t.routersSay()
		now.rests = t.watch.State().Rests
	}
	now.Final = now.Confirmed || t.state == unconfirmed || t.state == gone
	return now
}

// holds reports whether what was confirmed still holds: the pod has been out without a break in
// everything that the view has taken in. The mutex is held.
func (t *Termination) holds() bool {
	now := t.watch.State()
	return now.Out() && now.Since == t.since
}
