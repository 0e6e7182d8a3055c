// Package restore clears what a withdrawal leaves behind in a registry, once the container that
// was withdrawn has ended: else the next instance with the same address would start disabled.
// The pod can't do it itself: before its end it would be sent to again, after it it is gone.
package restore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// Bounds of what pods can have kept and done.
const (
	maxSpecs   = 8      // of one pod
	maxPods    = 20_000 // at once
	tries      = 20     // of one restore, with pauses from firstPause to lastPause: 10 minutes
	firstPause = time.Second
	lastPause  = time.Minute
	callTime   = 10 * time.Second // of one try
	parallel   = 16               // restores at once
)

// Config of a Restorer. All are required.
type Config struct {
	// Servers are the registries' servers that may be spoken to, host:port. The records come
	// from pods: without this a pod could have the controller call whom it likes.
	Servers []string
	// Secret reads a Secret of a pod's namespace.
	Secret func(ctx context.Context, namespace, name string) (map[string][]byte, error)
	// Open makes the client for a record.
	Open func(registry.Spec, registry.Pod) (registry.Registry, error)
	// Event writes an Event about the pod.
	Event func(pod *corev1.Pod, eventType, reason, message string)
	Log   *slog.Logger
}

// Restorer keeps the records of pods that leave, and acts on them.
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
	specs    []registry.Spec
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

// Record keeps what the pod's agent is about to withdraw. It is idempotent.
func (r *Restorer) Record(pod *corev1.Pod, texts []string) error {
	var specs []registry.Spec
	for _, text := range texts {
		spec, err := registry.ParseSpec(text)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(pod.Status.PodIPs, func(own corev1.PodIP) bool { return own.IP == spec.Get("ip") }) {
			return fmt.Errorf("registry %s: ip=%s is not this pod's", spec.Kind, spec.Get("ip"))
		}
		if server := r.foreign(spec); server != "" {
			return fmt.Errorf("registry %s: the controller may not speak to %s: its flag --restore-server names those it may", spec.Kind, server)
		}
		specs = append(specs, spec)
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
	all := slices.Clone(kept.specs)
	for _, spec := range specs {
		if !slices.ContainsFunc(all, func(known registry.Spec) bool { return known.String() == spec.String() }) {
			all = append(all, spec)
		}
	}
	if len(all) > maxSpecs {
		return fmt.Errorf("more than %d registries", maxSpecs)
	}
	kept.specs = all
	r.pods[string(pod.UID)] = kept
	return nil
}

// foreign is a server of the record that may not be spoken to; empty if all may.
func (r *Restorer) foreign(spec registry.Spec) string {
	servers := spec.List("server")
	if len(servers) == 0 {
		return "a server that it does not name"
	}
	for _, server := range servers {
		if !slices.Contains(r.config.Servers, hostPort(server)) {
			return server
		}
	}
	return ""
}

// hostPort is the host:port that a client would call for a server, read as the clients read it;
// empty if they would not, or if it leaves the port to the kind.
func hostPort(server string) string {
	base, err := web.Base(server, "")
	switch {
	case err != nil:
		return ""
	case base.Port() == "" && base.Scheme == "https":
		return net.JoinHostPort(base.Hostname(), "443")
	case base.Port() == "":
		return ""
	}
	return base.Host
}

// Set takes note of how a pod is now.
func (r *Restorer) Set(pod *corev1.Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := r.pods[string(pod.UID)]; kept != nil && kept.ended(pod) {
		r.begin(kept)
	}
}

// Gone takes note that a pod is gone.
func (r *Restorer) Gone(uid string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := r.pods[uid]; kept != nil {
		r.begin(kept)
	}
}

// ended reports whether a container was started anew, or all have ended.
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
	for _, spec := range kept.specs {
		r.working.Go(func() { r.restore(kept.pod, spec) })
	}
}

func (r *Restorer) restore(pod *corev1.Pod, spec registry.Spec) {
	log := r.config.Log.With("pod", pod.Namespace+"/"+pod.Name, "registry", spec.Name())
	var err error
	pause := firstPause
	for try := range tries {
		if err = r.once(pod, spec); err == nil {
			log.Info("restore: cleared", "tries", try+1)
			return
		}
		if r.ctx.Err() != nil || errors.Is(err, registry.ErrDenied) {
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
		fmt.Sprintf("%s: the next instance at %s may start disabled: %v", spec.Name(), spec.Get("ip"), err))
}

func (r *Restorer) once(pod *corev1.Pod, spec registry.Spec) error {
	select {
	case r.tokens <- struct{}{}:
		defer func() { <-r.tokens }()
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	ctx, cancel := context.WithTimeout(r.ctx, callTime)
	defer cancel()
	secrets, err := r.secrets(ctx, pod, spec)
	if err != nil {
		return err
	}
	client, err := r.config.Open(spec.WithSecrets(secrets), registry.Pod{})
	if err != nil {
		return err
	}
	return client.Restore(ctx, spec)
}

// secrets finds the credentials where the pod's containers have them from.
func (r *Restorer) secrets(ctx context.Context, pod *corev1.Pod, spec registry.Spec) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range []string{"username", "password", "token"} {
		if spec.Get(name+"-file") != "" {
			return nil, fmt.Errorf("its %s is in a file of the pod, which the controller can't read: name a Secret in a DrainPolicy", name)
		}
		variable := spec.Get(name + "-env")
		if variable == "" {
			continue
		}
		value, err := r.variable(ctx, pod, variable)
		if err != nil {
			return nil, fmt.Errorf("its %s, $%s: %w", name, variable, err)
		}
		found[name] = value
	}
	return found, nil
}

func (r *Restorer) variable(ctx context.Context, pod *corev1.Pod, name string) (string, error) {
	for _, container := range pod.Spec.Containers {
		for _, variable := range container.Env {
			switch {
			case variable.Name != name:
			case variable.ValueFrom == nil:
				return variable.Value, nil
			case variable.ValueFrom.SecretKeyRef == nil:
				return "", errors.New("it does not come from a Secret")
			default:
				ref := variable.ValueFrom.SecretKeyRef
				data, err := r.config.Secret(ctx, pod.Namespace, ref.Name)
				if err != nil {
					return "", err
				}
				value, there := data[ref.Key]
				if !there {
					return "", fmt.Errorf("secret %s/%s has no key %s", pod.Namespace, ref.Name, ref.Key)
				}
				return string(value), nil
			}
		}
	}
	return "", errors.New("no container has this variable")
}
