package hub

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// record is one termination. Its fields are guarded by the hub's mutex; settled is closed
// once answer will not change by itself.
type record struct {
	object *corev1.Pod
	pod    view.Pod
	began  time.Time
	gone   time.Time       // when the pod ceased to exist
	ctx    context.Context // ends when the pod is gone
	leave  context.CancelFunc

	settled chan struct{}
	since   uint64 // of the state that was confirmed
	took    time.Duration
	answer  hubapi.ConfirmResponse
	calls   int
	report  *report
}

func newRecord(ctx context.Context, pod *corev1.Pod) *record {
	r := &record{object: pod, began: time.Now()}
	r.ctx, r.leave = context.WithCancel(ctx)
	r.pod = view.Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID), Node: pod.Spec.NodeName}
	for _, ip := range pod.Status.PodIPs {
		r.pod.IPs = append(r.pod.IPs, ip.IP)
	}
	if seconds := pod.DeletionGracePeriodSeconds; seconds != nil {
		r.answer.GraceSeconds = *seconds
	}
	return r
}

// bound is how long the hub goes on before it gives a final answer. A default budget keeps
// half of the grace period for confirming (30 s of 60 s); two fifths leave the agent time to
// go by what it sees itself.
func (r *record) bound() time.Duration {
	grace := time.Duration(r.answer.GraceSeconds) * time.Second
	return min(max(grace*2/5, time.Second), 10*time.Minute)
}

// follow settles r: confirmed, once every kube-proxy has programmed a state in which the pod
// is out and it still is; or final, when the time is over or waiting can't help.
func (h *Hub) follow(r *record) {
	ctx, cancel := context.WithTimeout(r.ctx, r.bound())
	defer cancel()
	watch := h.config.View.Watch(r.pod)
	defer watch.Close()
	for {
		if h.config.View.Vague() {
			h.settle(ctx)
		}
		state := watch.State()
		var verdicts []barrier.Verdict
		switch {
		case len(state.Waiting) > 0 || h.config.View.Vague():
			h.note(r, state.Look)
			select {
			case <-state.Changed:
				continue
			case <-ctx.Done():
			}
		case len(state.Stuck) == 0:
			verdicts = h.pass(ctx, r, state)
		}
		if now := watch.State(); ctx.Err() == nil && (now.Out() != state.Out() || now.Since != state.Since) {
			continue
		}
		if h.ctx.Err() == nil {
			h.finish(r, state, verdicts)
		}
		return
	}
}

// settle has the view know a resourceVersion for what it saw without one.
func (h *Hub) settle(ctx context.Context) {
	for ctx.Err() == nil {
		now, err := h.config.Cluster.Now(ctx)
		if err == nil {
			h.config.View.Settle(now)
			return
		}
		h.config.Log.Warn("hub: reading the present resourceVersion", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// pass has every family's kube-proxies pass the barrier, side by side.
func (h *Hub) pass(ctx context.Context, r *record, state view.State) []barrier.Verdict {
	change := barrier.Change{ResourceVersion: state.Since, Late: h.config.Late(r.pod.Namespace)}
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

// note keeps what is known so far, for those who ask before r is settled.
func (h *Hub) note(r *record, look view.Look) {
	facts := lookEvidence(look, time.Now())
	h.mu.Lock()
	defer h.mu.Unlock()
	r.answer.Evidence = facts
}

func (h *Hub) finish(r *record, state view.State, verdicts []barrier.Verdict) {
	now := time.Now()
	facts := lookEvidence(state.Look, now)
	passed, missed := barrierEvidence(verdicts)
	outcome := Confirmed
	switch {
	case !state.Out():
		outcome = StillOffered
	case len(verdicts) == 0:
		outcome = Missed
		facts = append(facts, termination.Evidence{Time: now, Kind: termination.Unreachable, Source: "hub", Subject: "kube-proxy", Detail: "no node could be asked in time"})
	case len(missed) > 0:
		outcome = Missed
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	r.since, r.took = state.Since, now.Sub(r.began)
	r.answer.Confirmed = outcome == Confirmed
	r.answer.Final = true
	r.answer.Nodes = len(passed)
	r.answer.Evidence = abridge(facts, missed, passed)
	close(r.settled)
	if !r.gone.IsZero() {
		return
	}
	h.config.Observer.Settled(outcome, r.took)
	h.config.Log.Info("hub: termination", "pod", r.pod.Namespace+"/"+r.pod.Name, "outcome", outcome, "took", r.took.Round(time.Millisecond), "passed", len(passed), "missed", len(missed))
}

// valid reports whether r's answer still holds; if a confirmed pod came back into the rules,
// for instance because all others left, it is followed anew.
func (h *Hub) valid(r *record) bool {
	watch := h.config.View.Watch(r.pod)
	state := watch.State()
	watch.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !r.answer.Confirmed || state.Out() || !r.gone.IsZero() || h.ctx.Err() != nil {
		return true
	}
	r.answer.Confirmed, r.answer.Final, r.answer.Nodes = false, false, 0
	h.begin(r)
	return false
}
