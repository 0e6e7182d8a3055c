// Package hub answers the agents: it follows each pod that leaves, finds out when no
// kube-proxy sends to it any more, and takes in what the agent saw.
package hub

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/view"
)

// Barrier proves that the kube-proxies of one address family have programmed a change.
type Barrier interface {
	Pass(ctx context.Context, change barrier.Change) []barrier.Verdict
}

// Cluster is what the hub asks of the API.
type Cluster interface {
	// Pod gives a pod as it was last seen, or nil.
	Pod(namespace, name string) *corev1.Pod
	// Now gives a resourceVersion not below any change made before the call.
	Now(ctx context.Context) (uint64, error)
	// Event writes an Event about the pod.
	Event(pod *corev1.Pod, eventType, reason, message string)
}

// Observer is told the outcome of each termination.
type Observer interface {
	Began()
	Settled(outcome Outcome, took time.Duration)
	Gone()
}

// Recorder keeps what pods withdraw from registries.
type Recorder interface {
	Record(pod *corev1.Pod, records []string) error
}

// Outcome is how a termination was answered.
type Outcome string

// The outcomes.
const (
	Confirmed    Outcome = "confirmed"     // no kube-proxy sends to the pod
	Missed       Outcome = "missed"        // some node did not pass the barrier
	StillOffered Outcome = "still-offered" // something goes on offering the pod
)

// Config of a Hub.
type Config struct {
	View     *view.View
	Barriers func(corev1.IPFamily) Barrier
	Late     func(namespace string) bool // see barrier.Late
	Cluster  Cluster
	Observer Observer
	Recorder Recorder
	Log      *slog.Logger
}

const (
	// keep is how long a record stays after its pod is gone: for agents that ask late.
	keep = 5 * time.Minute
	// maxRecords bounds the memory; a record with its evidence takes some KiB.
	maxRecords = 20_000
)

// Hub follows terminations. It keeps nothing that a new leader would need.
type Hub struct {
	config  Config
	ctx     context.Context
	stop    context.CancelFunc
	working sync.WaitGroup

	mu      sync.Mutex
	records map[string]*record // by the pod's uid
}

// New gives a Hub; Close ends what it has begun.
func New(config Config) *Hub {
	ctx, stop := context.WithCancel(context.Background())
	h := &Hub{config: config, ctx: ctx, stop: stop, records: map[string]*record{}}
	h.working.Go(h.sweep)
	return h
}

// Close stops following, waits until all is at rest, and writes the Events that are due.
func (h *Hub) Close() {
	h.stop()
	h.working.Wait()
	for _, r := range h.records {
		if r.report != nil && r.report.timer.Stop() {
			h.announce(r)
		}
	}
}

var errFull = errors.New("the hub follows too many terminations at once")

// Follow begins to follow a pod that terminates, unless it is followed already.
func (h *Hub) Follow(pod *corev1.Pod) error {
	_, err := h.record(pod)
	return err
}

func (h *Hub) record(pod *corev1.Pod) (*record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return nil, errors.New("the hub is stopping")
	}
	uid := string(pod.UID)
	if r := h.records[uid]; r != nil {
		return r, nil
	}
	if len(h.records) >= maxRecords {
		return nil, errFull
	}
	r := newRecord(h.ctx, pod)
	h.records[uid] = r
	h.config.Observer.Began()
	h.begin(r)
	return r, nil
}

// begin starts a follower for r, which has none.
func (h *Hub) begin(r *record) {
	r.settled = make(chan struct{})
	h.working.Go(func() { h.follow(r) })
}

// Gone tells that a pod no longer exists.
func (h *Hub) Gone(uid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.records[uid]; r != nil && r.gone.IsZero() {
		r.gone = time.Now()
		r.leave()
		h.config.Observer.Gone()
	}
}

// sweep forgets the records of pods that are long gone.
func (h *Hub) sweep() {
	ticker := time.NewTicker(keep / 5)
	defer ticker.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-ticker.C:
		}
		h.mu.Lock()
		for uid, r := range h.records {
			if !r.gone.IsZero() && time.Since(r.gone) > keep {
				delete(h.records, uid)
			}
		}
		h.mu.Unlock()
	}
}
