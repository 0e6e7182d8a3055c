package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// Where the property's pods run: one namespace sorts before the barrier's and one after it, whose
// slices a kube-proxy that relists receives later than the barrier's.
var propertyNamespaces = []string{"lameduck-property", "zzzzz-property"}

const (
	propertyWorkers  = 10
	propertyReplicas = 10
	// provenTerminations is the number for each proxy mode in `make prove`: 500 in all.
	provenTerminations = 250
)

// Property is what the stops of many pods showed while kube-proxies were disturbed.
type Property struct {
	Seed        uint64
	Confirmed   []time.Duration // per pod: deletion to the hub's confirmation
	Unconfirmed []string        // pods that the hub could not confirm, with its reason
	Violations  []string        // confirmed, and yet a node's rules sent to the pod
	// Control counts the pods to which a node's rules still sent when a watch showed them out of
	// their slice: what a confirmation without the barrier would have missed.
	Control int
	Havoc   map[string]int
}

// Check stops count pods, and reads every node's rules at the moment each is confirmed.
func (e *Env) Check(ctx context.Context, count int, seed uint64) (*Property, error) {
	e.say("property: %d terminations, seed %d", count, seed)
	run, err := e.newPropertyRun(ctx, count, seed)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	disturbed := wreakHavoc(ctx, e.Cluster.Nodes(), seed)
	var workers sync.WaitGroup
	for range propertyWorkers {
		workers.Go(func() {
			if err := run.work(ctx); err != nil {
				cancel(err)
			}
		})
	}
	reporting, done := context.WithCancel(ctx)
	var reporter sync.WaitGroup
	reporter.Go(func() { run.progress(reporting) })
	workers.Wait()
	done()
	reporter.Wait()
	run.found.Havoc, err = disturbed.end()
	if ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	return run.found, errors.Join(err, e.removeProperty(context.WithoutCancel(ctx)))
}

type propertyRun struct {
	env *Env
	hub *hubClient

	mu      sync.Mutex
	random  *rand.Rand
	left    int
	claimed map[string]bool
	found   *Property
}

func (e *Env) newPropertyRun(ctx context.Context, count int, seed uint64) (*propertyRun, error) {
	hub, err := newHubClient(ctx, e.Client)
	if err != nil {
		return nil, err
	}
	for _, namespace := range propertyNamespaces {
		if err := ensureNamespace(ctx, e.Client, namespace); err != nil {
			return nil, fmt.Errorf("preparing the property: %w", err)
		}
		if _, err := propertyApp(namespace).Deploy(ctx, e.Client); err != nil {
			return nil, err
		}
	}
	return &propertyRun{
		env: e, hub: hub, left: count, claimed: map[string]bool{},
		random: rand.New(rand.NewPCG(seed, 1<<32)),
		found:  &Property{Seed: seed},
	}, nil
}

// ensureNamespace creates the namespace unless it is there.
func ensureNamespace(ctx context.Context, client kubernetes.Interface, name string) error {
	_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// propertyApp has pods that stay long enough for the hub's answer; the test plays their agent.
func propertyApp(namespace string) App {
	return App{Namespace: namespace, Name: "property", Replicas: propertyReplicas, Protection: Sleep35}
}

func (e *Env) removeProperty(ctx context.Context) error {
	var errs []error
	for _, namespace := range propertyNamespaces {
		errs = append(errs, propertyApp(namespace).Remove(ctx, e.Client))
	}
	return errors.Join(errs...)
}

// work stops one pod after another until enough have been stopped.
func (r *propertyRun) work(ctx context.Context) error {
	for ctx.Err() == nil {
		r.mu.Lock()
		over := r.left == 0
		if !over {
			r.left--
		}
		r.mu.Unlock()
		if over {
			return nil
		}
		pod, err := r.claim(ctx)
		if err != nil {
			return err
		}
		if err := r.terminate(ctx, pod); err != nil {
			return fmt.Errorf("stopping %s/%s: %w", pod.Namespace, pod.Name, err)
		}
	}
	return nil
}

// progress reports every 15 s how far the run is.
func (r *propertyRun) progress(ctx context.Context) {
	ticker := time.NewTicker(15 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		r.mu.Lock()
		f := r.found
		r.env.say("property: %d to go; %d confirmed, %d not, %d violations (%d by the slice alone)", r.left, len(f.Confirmed), len(f.Unconfirmed), len(f.Violations), f.Control)
		r.mu.Unlock()
	}
}

// claim picks a random ready pod from a namespace where enough other pods are ready.
func (r *propertyRun) claim(ctx context.Context) (*corev1.Pod, error) {
	for {
		r.mu.Lock()
		namespace := propertyNamespaces[r.random.IntN(len(propertyNamespaces))]
		r.mu.Unlock()
		list, err := r.env.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: propertyApp(namespace).Selector()})
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		var free []*corev1.Pod
		for i := range list.Items {
			if pod := &list.Items[i]; ready(pod) && pod.DeletionTimestamp == nil && !r.claimed[string(pod.UID)] {
				free = append(free, pod)
			}
		}
		if len(free) > 2 {
			pod := free[r.random.IntN(len(free))]
			r.claimed[string(pod.UID)] = true
			r.mu.Unlock()
			return pod, nil
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func ready(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// terminate deletes the pod, has the hub confirm, and reads the rules of every node.
func (r *propertyRun) terminate(ctx context.Context, pod *corev1.Pod) error {
	ip, err := netip.ParseAddr(pod.Status.PodIP)
	if err != nil {
		return err
	}
	token, err := r.hub.token(ctx, pod)
	if err != nil {
		return err
	}
	naive := make(chan error, 1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	out, err := r.watchOut(watching, pod)
	if err != nil {
		return err
	}
	go func() { naive <- r.lookNaively(watching, out, ip) }()
	began := time.Now()
	pods := r.env.Client.CoreV1().Pods(pod.Namespace)
	if err := pods.Delete(ctx, pod.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}}); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, 50*time.Second)
	defer cancel()
	response, err := r.hub.confirm(asking, token)
	if err != nil {
		return err
	}
	took := time.Since(began)
	senders, err := r.env.senders(ctx, ip)
	if err != nil {
		return err
	}
	select {
	case err = <-naive:
	case <-time.After(5 * time.Second): // the watch was cut, or the pod never left a slice
		stop()
		<-naive //nolint:errcheck // only that it was stopped
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	switch {
	case response.Confirmed && len(senders) > 0:
		r.found.Violations = append(r.found.Violations, fmt.Sprintf("%s/%s at %s: confirmed after %v, and %v still send to it; evidence %+v", pod.Namespace, pod.Name, ip, took, senders, response.Evidence))
	case response.Confirmed:
		r.found.Confirmed = append(r.found.Confirmed, took)
	default:
		why := fmt.Sprintf("%s/%s after %v: %+v", pod.Namespace, pod.Name, took, response.Evidence)
		r.found.Unconfirmed = append(r.found.Unconfirmed, why)
		r.env.say("property: not confirmed: %s", why)
	}
	r.mu.Unlock()
	err = pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
	if apierrors.IsNotFound(err) {
		err = nil
	}
	return err
}

// watchOut returns a channel that is closed when a slice shows that the pod is no longer ready.
func (r *propertyRun) watchOut(ctx context.Context, pod *corev1.Pod) (<-chan struct{}, error) {
	watch, err := r.env.Client.DiscoveryV1().EndpointSlices(pod.Namespace).Watch(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=property"})
	if err != nil {
		return nil, err
	}
	out := make(chan struct{})
	go func() {
		defer watch.Stop()
		for event := range watch.ResultChan() {
			slice, is := event.Object.(*discoveryv1.EndpointSlice)
			if !is {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				if endpoint.TargetRef != nil && endpoint.TargetRef.UID == pod.UID && !ptr.Deref(endpoint.Conditions.Ready, true) {
					close(out)
					return
				}
			}
		}
	}()
	return out, nil
}

// lookNaively reads the rules when a watch has shown the pod out of its slice: the control.
func (r *propertyRun) lookNaively(ctx context.Context, out <-chan struct{}, ip netip.Addr) error {
	select {
	case <-ctx.Done():
		return nil
	case <-out:
	}
	senders, err := r.env.senders(ctx, ip)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && len(senders) > 0 {
		r.found.Control++
	}
	return err
}

// property is the proof for `make prove`. LAMEDUCK_PROPERTY sets the number of terminations
// for each proxy mode, LAMEDUCK_SEED the seed.
func property(ctx context.Context, e *Env, name string) ([]Outcome, error) {
	count, err := number("LAMEDUCK_PROPERTY", provenTerminations)
	if err != nil {
		return nil, err
	}
	seed, err := number("LAMEDUCK_SEED", uint64(time.Now().UnixNano()))
	if err != nil {
		return nil, err
	}
	found, err := e.Check(ctx, int(count), seed)
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, err)
	}
	apart, err := e.CheckApart(ctx, apartRounds, seed)
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, err)
	}
	return append(apart.outcomes(name), found.outcome(name)), nil
}

func number(variable string, otherwise uint64) (uint64, error) {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s=%q is not a number", variable, text)
	}
	return n, nil
}

// outcome counts terminations as requests, and violations as losses.
func (p *Property) outcome(name string) Outcome {
	all := len(p.Confirmed) + len(p.Unconfirmed) + len(p.Violations)
	o := Outcome{
		Name: name, Requests: uint64(all), Control: "slice seen", ControlLost: uint64(p.Control),
		Lost: uint64(len(p.Violations)), Unconfirmed: uint64(len(p.Unconfirmed)), Hook: p.Confirmed, Faults: p.Violations,
	}
	// The hub has to wait for a kube-proxy that is disturbed for some seconds, not give up on it.
	if 10*len(p.Confirmed) < 8*all {
		o.Faults = append(o.Faults, fmt.Sprintf("only %d of %d terminations were confirmed; not %q", len(p.Confirmed), all, p.Unconfirmed))
	}
	return o
}
