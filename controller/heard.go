package controller

import (
	"slices"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	// maxUnheard bounds how many pods are named whose agents never asked.
	maxUnheard = 20
	// tooSoon is below any wait of an agent that does not reach the hub: a pod that is gone
	// within it was forced, and its hook had no time.
	tooSoon = 3 * time.Second
)

// Unheard is a pod that stopped without its agent having asked the hub.
type Unheard struct {
	Pod  string    `json:"pod"` // NAMESPACE/NAME
	Node string    `json:"node,omitempty"`
	Time time.Time `json:"time"` // when it was gone
}

// heard knows which agents reach the hub: each shows a token. A pod whose agent never showed one
// could not reach it, for instance because of a NetworkPolicy.
type heard struct {
	count func(reached bool)

	mu      sync.Mutex
	since   time.Time             // from when on this replica leads; zero while it does not
	leaving map[string]*departure // by uid, pods that began to leave since then
	asked   map[string]struct{}   // by uid, of pods that are not seen to leave yet
	last    []Unheard
}

type departure struct {
	seen  time.Time
	asked bool
}

// lead starts a new count from now on; a zero time ends it.
func (h *heard) lead(since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since, h.leaving, h.asked, h.last = since, map[string]*departure{}, map[string]struct{}{}, nil
}

// askedBy notes whose token was shown.
func (h *heard) askedBy(review *authenticationv1.TokenReview) {
	uids := review.Status.User.Extra["authentication.kubernetes.io/pod-uid"]
	if !review.Status.Authenticated || len(uids) != 1 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		return
	}
	if leaving := h.leaving[uids[0]]; leaving != nil {
		leaving.asked = true
	} else {
		h.asked[uids[0]] = struct{}{}
	}
}

// set notes that a pod leaves, if its hook was run: it has a container that runs, and time.
func (h *heard) set(pod *corev1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	uid := string(pod.UID)
	if _, there := h.leaving[uid]; there || h.since.IsZero() || pod.DeletionTimestamp == nil {
		return
	}
	grace := pod.DeletionGracePeriodSeconds
	if grace == nil || *grace == 0 || pod.DeletionTimestamp.Add(-time.Duration(*grace)*time.Second).Before(h.since) {
		return
	}
	if slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.State.Running != nil }) {
		_, asked := h.asked[uid]
		h.leaving[uid] = &departure{time.Now(), asked}
		delete(h.asked, uid)
	}
}

// gone counts a pod that no longer exists.
func (h *heard) gone(pod *corev1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	uid := string(pod.UID)
	delete(h.asked, uid)
	leaving := h.leaving[uid]
	delete(h.leaving, uid)
	if leaving == nil || !leaving.asked && time.Since(leaving.seen) < tooSoon {
		return
	}
	h.count(leaving.asked)
	if !leaving.asked {
		h.last = append(h.last, Unheard{Pod: pod.Namespace + "/" + pod.Name, Node: pod.Spec.NodeName, Time: time.Now()})
		h.last = h.last[max(0, len(h.last)-maxUnheard):]
	}
}

// unheard gives the last pods whose agents never asked.
func (h *heard) unheard() []Unheard {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.last)
}
