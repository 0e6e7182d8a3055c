// Package hub answers the agents: it follows each pod that leaves, finds out when no
// kube-proxy sends to it any more, and takes in what the agent saw.
package hub

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/peers"
	"github.com/lameduck-dev/lameduck/controller/view"
)

// Barrier proves that the kube-proxies of one address family have programmed a change.
type Barrier interface {
	Pass(ctx context.Context, change barrier.Change) []barrier.Verdict
}

// Marker writes into the stream of EndpointSlices, at a cost that does not grow with the cluster.
type Marker interface {
	// Mark gives the resourceVersion of the write, at which the View hears of it.
	Mark(ctx context.Context) (version uint64, err error)
}

// Cluster is what the hub asks the API for.
type Cluster interface {
	// Pod gives a pod as it was last seen, or nil.
	Pod(namespace, name string) *corev1.Pod
	// Read reads a pod from the API, past what was last seen.
	Read(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	// Service reads a Service from the API, past what was last seen; nil if there is none.
	Service(ctx context.Context, namespace, name string) (*corev1.Service, error)
	// Event writes an Event about the pod.
	Event(pod *corev1.Pod, eventType, reason, message string)
}

// Observer is told when the hub begins to follow a pod, what it found, and when the pod is gone.
type Observer interface {
	Began()
	Found(outcome Outcome, took time.Duration)
	Gone()
}

// Recorder keeps what pods withdraw from registries.
type Recorder interface {
	Record(pod *corev1.Pod, records []string) error
	// Gone tells that a pod no longer exists.
	Gone(uid string)
}

// Peers knows how a pod's peers could know its address.
type Peers interface {
	// Classify gives each address its class; one that can't be found before ctx is done is
	// unknown.
	Classify(ctx context.Context, target peers.Target, addresses []netip.Addr) []hubapi.Peer
}

// DNS asks the cluster's DNS servers.
type DNS interface {
	// Gives reports whether any server still gives one of ips as an address of the Services, and for
	// how long what it gives may be cached.
	Gives(ctx context.Context, namespace string, services, ips []string) (gives bool, ttl time.Duration, err error)
}

// Outcome is what the hub found out about a termination, and answers.
type Outcome string

// The outcomes.
const (
	Confirmed    Outcome = "confirmed"     // no kube-proxy sends to the pod
	Missed       Outcome = "missed"        // some node did not pass the barrier
	StillOffered Outcome = "still-offered" // something goes on offering the pod
	Behind       Outcome = "behind"        // the hub's own view was too far behind to say
)

// Config of a Hub.
type Config struct {
	View     *view.View
	Barriers func(corev1.IPFamily) Barrier
	Marks    Marker
	Late     func(namespace string) bool // see barrier.Late
	Cluster  Cluster
	Observer Observer
	Recorder Recorder
	Peers    Peers
	DNS      DNS     // nil: nobody can be asked
	Routers  Routers // nil: nobody can be asked
	Log      *slog.Logger
}

const (
	// keep is how long a termination is remembered after its pod is gone, for agents that report
	// late; if the pod was never deleted, after its last report.
	keep = 5 * time.Minute
	// maxTerminations bounds the memory; one with its evidence takes some KiB.
	maxTerminations = 20_000
)

// Hub follows terminations. It keeps nothing that a new leader would need.
type Hub struct {
	config  Config
	ctx     context.Context
	stop    context.CancelFunc
	working sync.WaitGroup
	recency *recency

	mu           sync.Mutex
	terminations map[string]*Termination // by the pod's uid
}

// New gives a Hub; Close ends what it has begun.
func New(config Config) *Hub {
	ctx, stop := context.WithCancel(context.Background())
	h := &Hub{config: config, ctx: ctx, stop: stop, recency: newRecency(config), terminations: map[string]*Termination{}}
	h.working.Go(h.sweep)
	return h
}

// Close stops following, waits for what is under way, and writes the Events that are due.
func (h *Hub) Close() {
	h.stop()
	h.working.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.terminations {
		t.close()
	}
}

var (
	errFull     = errors.New("the hub follows too many terminations at once")
	errStopping = errors.New("the hub is stopping; ask again")
)

// Follow follows a pod that terminates, and notes its grace period, which a later deletion may have
// made shorter.
func (h *Hub) Follow(pod *corev1.Pod) error {
	t, err := h.of(pod)
	if err != nil {
		return err
	}
	t.follow(pod)
	return nil
}

// of gives the pod's termination, a new one if it has none.
func (h *Hub) of(pod *corev1.Pod) (*Termination, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return nil, errStopping
	}
	if t := h.terminations[string(pod.UID)]; t != nil {
		return t, nil
	}
	if len(h.terminations) >= maxTerminations {
		return nil, errFull
	}
	t := newTermination(h, pod)
	h.terminations[string(pod.UID)] = t
	return t, nil
}

// Gone tells that a pod no longer exists.
func (h *Hub) Gone(uid string) {
	h.mu.Lock()
	t := h.terminations[uid]
	h.mu.Unlock()
	if t != nil {
		t.goneNow()
	}
}

// sweep forgets terminations that are long over.
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
		for uid, t := range h.terminations {
			if t.over(time.Now()) {
				t.close()
				delete(h.terminations, uid)
			}
		}
		h.mu.Unlock()
	}
}
