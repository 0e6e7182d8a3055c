// Package restore clears what a withdrawal leaves behind in a registry, once the container that was
// withdrawn has ended: else the next instance with the same address would start disabled. The pod
// can't do it itself: before its end it would get requests again, and after its end it is gone.
//
// What a pod says is a claim. The restorer looks the instance up itself, at a server and with the
// credentials that the installation names, and writes only what it has found at the pod's own
// address. See docs/decisions/0058-what-a-pods-record-may-do.md.
package restore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/registry"
)

// Bounds on what pods can make the restorer keep and do.
const (
	maxSpecs   = 8      // of one pod
	maxPods    = 20_000 // at once
	tries      = 20     // of one restore, with pauses from firstPause to lastPause: 10 minutes
	firstPause = time.Second
	lastPause  = time.Minute
	callTime   = 10 * time.Second // of one try
	parallel   = 16               // pods that are looked up or restored at once
	lookEvery  = 2 * time.Second  // at most, of one pod
)

// Config of a Restorer. All are required.
type Config struct {
	// Servers are the registries that may be spoken to.
	Servers registry.Servers
	// Secret reads one of the Secrets that Servers name.
	Secret func(ctx context.Context, name string) (map[string][]byte, error)
	// Open makes a client.
	Open func(registry.Spec, registry.Pod) (registry.Registry, error)
	// Event writes an Event about the pod.
	Event func(pod *corev1.Pod, eventType, reason, message string)
	Log   *slog.Logger
}

// Restorer keeps the claims of pods that leave, and acts on them.
type Restorer struct {
	config  Config
	ctx     context.Context
	stop    context.CancelFunc
	working sync.WaitGroup
	tokens  chan struct{}

	mu   sync.Mutex
	pods map[string]*leaving // by uid
}

type leaving struct {
	pod      *corev1.Pod
	restarts map[string]int32 // of each container, when it was recorded
	claims   []*claim
	looks    bool      // somebody looks the claims up
	looked   time.Time // when that was last begun
}

// New gives a Restorer; Close ends it.
func New(config Config) *Restorer {
	ctx, stop := context.WithCancel(context.Background())
	return &Restorer{config: config, ctx: ctx, stop: stop, tokens: make(chan struct{}, parallel), pods: map[string]*leaving{}}
}

// Close gives up what is under way.
func (r *Restorer) Close() {
	r.stop()
	r.working.Wait()
}

// Record keeps what the pod's agent is about to withdraw, and looks for it. It is idempotent;
// agents repeat it, and what could not be looked up is then looked up again.
func (r *Restorer) Record(pod *corev1.Pod, texts []string) error {
	var claims []*claim
	for _, text := range texts {
		c, err := r.claim(pod, text)
		if err != nil {
			return err
		}
		claims = append(claims, c)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.pods[string(pod.UID)]
	if kept == nil {
		if len(r.pods) >= maxPods {
			return errors.New("too many pods leave at once")
		}
		kept = &leaving{pod: pod, restarts: map[string]int32{}}
		for _, status := range pod.Status.ContainerStatuses {
			kept.restarts[status.Name] = status.RestartCount
		}
	}
	all := slices.Clone(kept.claims)
	for _, c := range claims {
		if !slices.ContainsFunc(all, func(known *claim) bool { return known.spec.String() == c.spec.String() }) {
			all = append(all, c)
		}
	}
	if len(all) > maxSpecs {
		return fmt.Errorf("more than %d registries", maxSpecs)
	}
	kept.claims = all
	r.pods[string(pod.UID)] = kept
	r.lookUpClaims(kept)
	return nil
}

// lookUpClaims looks up what has not been seen yet, unless that was begun a moment ago; the mutex is held.
func (r *Restorer) lookUpClaims(kept *leaving) {
	unseen := slices.DeleteFunc(slices.Clone(kept.claims), func(c *claim) bool { return c.seen })
	if kept.looks || len(unseen) == 0 || time.Since(kept.looked) < lookEvery || r.ctx.Err() != nil {
		return
	}
	kept.looks, kept.looked = true, time.Now()
	r.working.Go(func() {
		for _, c := range unseen {
			record, err := r.find(c)
			if err != nil {
				r.config.Log.Debug("restore: not looked up", "pod", kept.pod.Namespace+"/"+kept.pod.Name, "registry", c.spec.Name(), "error", err)
				continue
			}
			r.mu.Lock()
			c.seen, c.record = true, record
			r.mu.Unlock()
		}
		r.mu.Lock()
		kept.looks = false
		r.mu.Unlock()
	})
}

// Set notes the pod's present state.
func (r *Restorer) Set(pod *corev1.Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := r.pods[string(pod.UID)]; kept != nil && kept.ended(pod) {
		r.begin(kept)
	}
}

// Gone notes that a pod is gone.
func (r *Restorer) Gone(uid string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := r.pods[uid]; kept != nil {
		r.begin(kept)
	}
}

// ended reports whether a container was restarted, or all have ended.
func (l *leaving) ended(pod *corev1.Pod) bool {
	all := len(pod.Status.ContainerStatuses) > 0
	for _, status := range pod.Status.ContainerStatuses {
		if status.RestartCount > l.restarts[status.Name] {
			return true
		}
		all = all && status.State.Terminated != nil
	}
	return all
}

// begin restores everything of one pod; the mutex is held.
func (r *Restorer) begin(kept *leaving) {
	delete(r.pods, string(kept.pod.UID))
	for _, c := range kept.claims {
		r.working.Go(func() { r.restore(kept.pod, c) })
	}
}

func (r *Restorer) restore(pod *corev1.Pod, c *claim) {
	log := r.config.Log.With("pod", pod.Namespace+"/"+pod.Name, "registry", c.spec.Name())
	var err error
	pause := firstPause
	for try := range tries {
		if err = r.once(c); err == nil {
			log.Info("restore: cleared", "tries", try+1)
			return
		}
		if r.ctx.Err() != nil || errors.Is(err, registry.ErrDenied) || errors.Is(err, errForeign) {
			break
		}
		select {
		case <-r.ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
	if r.ctx.Err() != nil {
		log.Warn("restore: given up, this replica stops", "error", err)
		return
	}
	log.Warn("restore: given up", "error", err)
	r.config.Event(pod, corev1.EventTypeWarning, "LameDuckNotRestored",
		fmt.Sprintf("%s: the next instance at %s may start disabled: %v", c.spec.Name(), pod.Status.PodIPs[0].IP, err))
}

// once clears what is at the pod's address now or, if nothing is, what was seen there.
func (r *Restorer) once(c *claim) error {
	client, ctx, done, err := r.open(c)
	if err != nil {
		return err
	}
	defer done()
	found, err := client.Find(ctx)
	switch {
	case errors.Is(err, registry.ErrNotFound), errors.Is(err, registry.ErrNoService):
		r.mu.Lock()
		record, seen := c.record, c.seen
		r.mu.Unlock()
		if !seen {
			return nil // as far as anybody but the pod knows, it was never there
		}
		return registry.Restore(ctx, client, record)
	case err != nil:
		return err
	case !c.owns(found.Address):
		return foreign(found)
	case !found.Out:
		return nil
	}
	return registry.Restore(ctx, client, found.Record)
}

// find gives the record of the instance at the pod's address.
func (r *Restorer) find(c *claim) (registry.Spec, error) {
	client, ctx, done, err := r.open(c)
	if err != nil {
		return registry.Spec{}, err
	}
	defer done()
	found, err := client.Find(ctx)
	if err == nil && !c.owns(found.Address) {
		err = foreign(found)
	}
	return found.Record, err
}

// open makes a claim's client, for one try.
func (r *Restorer) open(c *claim) (registry.Registry, context.Context, func(), error) {
	select {
	case r.tokens <- struct{}{}:
	case <-r.ctx.Done():
		return nil, nil, nil, r.ctx.Err()
	}
	ctx, cancel := context.WithTimeout(r.ctx, callTime)
	done := func() { cancel(); <-r.tokens }
	spec := c.spec
	if c.server.Secret != "" {
		data, err := r.config.Secret(ctx, c.server.Secret)
		if err != nil {
			done()
			return nil, nil, nil, fmt.Errorf("reading Secret %s of the controller's namespace: %w", c.server.Secret, err)
		}
		spec = spec.WithSecrets(func(_ registry.Spec, name string) (string, error) { return string(data[keyOf(name)]), nil })
	}
	client, err := r.config.Open(spec, c.pod)
	if err != nil {
		done()
		return nil, nil, nil, err
	}
	return client, ctx, done, nil
}

// keyOf is where a Secret has what a client asks for: certificates as in Secrets of type
// kubernetes.io/tls.
func keyOf(name string) string {
	switch name {
	case "ca":
		return "ca.crt"
	case "cert":
		return "tls.crt"
	case "key":
		return "tls.key"
	}
	return name
}
