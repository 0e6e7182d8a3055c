package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/report"
)

const (
	syncTimeout = 30 * time.Second
	// How long an action's effect may take to show in the watches.
	actionShows = time.Second
	// How long a pod may stay beyond its grace period: the kubelet's floor of 2 s after a long
	// hook, the runtime, and the final DELETE.
	goneMargin = 60 * time.Second
)

// Cluster is what Run watches to attribute losses to pods. It needs the right to list and watch
// pods, EndpointSlices and events in the namespace, and to read the pods' logs.
type Cluster struct {
	Client    kubernetes.Interface
	Namespace string // required
	Selector  string // label selector of the pods behind the target; empty for all of the namespace
}

// watch joins what a cluster shows into the lines of the pods.
type watch struct {
	cluster   *Cluster
	ledger    *ledgers // nil when the target keeps none
	logs      *logs
	factories []informers.SharedInformerFactory
	stop      context.CancelFunc

	mu    sync.Mutex
	lines *podLines
}

// startWatch returns when the present state is known.
func startWatch(ctx context.Context, c *Cluster, ledger *ledgers) (*watch, error) {
	if err := mayWatch(ctx, c); err != nil {
		return nil, err
	}
	watchCtx, stop := context.WithCancel(ctx)
	w := &watch{cluster: c, ledger: ledger, lines: newPodLines(time.Now()), stop: stop}
	w.logs = &logs{ctx: watchCtx, cluster: c, since: time.Now(), line: w.seeLogLine, ended: w.ended, following: map[string]bool{}}

	pods := informers.NewSharedInformerFactoryWithOptions(c.Client, 0, informers.WithNamespace(c.Namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = c.Selector }))
	others := informers.NewSharedInformerFactoryWithOptions(c.Client, 0, informers.WithNamespace(c.Namespace))
	w.factories = []informers.SharedInformerFactory{pods, others}
	handlers := map[cache.SharedIndexInformer]func(obj any, gone bool){
		pods.Core().V1().Pods().Informer():                  w.seePod,
		others.Discovery().V1().EndpointSlices().Informer(): w.seeSlice,
		others.Core().V1().Events().Informer():              w.seeEvent,
	}
	for informer, see := range handlers {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(obj any) { see(obj, false) },
			UpdateFunc: func(_, obj any) { see(obj, false) },
			DeleteFunc: func(obj any) { see(obj, true) },
		})
		if err != nil {
			stop()
			return nil, fmt.Errorf("watching namespace %s: %w", c.Namespace, err)
		}
	}
	// Pods come first: slices and events count only for pods that are known.
	for _, factory := range w.factories {
		factory.Start(watchCtx.Done())
		syncCtx, cancel := context.WithTimeout(watchCtx, syncTimeout)
		synced := factory.WaitForCacheSync(syncCtx.Done())
		cancel()
		for kind, ok := range synced {
			if !ok {
				w.close()
				return nil, fmt.Errorf("watching namespace %s: no list of %v within %v", c.Namespace, kind, syncTimeout)
			}
		}
	}
	return w, nil
}

// mayWatch asks for one of each kind, since an informer never reports that it is forbidden.
func mayWatch(ctx context.Context, c *Cluster) error {
	one := metav1.ListOptions{Limit: 1}
	_, podsErr := c.Client.CoreV1().Pods(c.Namespace).List(ctx, metav1.ListOptions{Limit: 1, LabelSelector: c.Selector})
	_, slicesErr := c.Client.DiscoveryV1().EndpointSlices(c.Namespace).List(ctx, one)
	_, eventsErr := c.Client.CoreV1().Events(c.Namespace).List(ctx, one)
	if err := errors.Join(podsErr, slicesErr, eventsErr); err != nil {
		return fmt.Errorf("watching namespace %s (needs list and watch of pods, endpointslices and events): %w", c.Namespace, err)
	}
	return nil
}

// unwrap gives the object behind a handler's argument.
func unwrap[T any](obj any) (object T, ok bool) {
	if last, missed := obj.(cache.DeletedFinalStateUnknown); missed {
		obj = last.Obj
	}
	object, ok = obj.(T)
	return object, ok
}

func (w *watch) seePod(obj any, gone bool) {
	pod, ok := unwrap[*corev1.Pod](obj)
	if !ok {
		return
	}
	at := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if gone {
		w.lines.seeGone(at, pod)
		return
	}
	w.lines.seePod(at, pod)
	if w.ledger != nil || pod.DeletionTimestamp != nil && w.lines.of(pod).Hook != hookNone {
		w.logs.follow(pod)
	}
}

func (w *watch) seeSlice(obj any, gone bool) {
	if slice, ok := unwrap[*discoveryv1.EndpointSlice](obj); ok {
		at := time.Now()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lines.seeSlice(at, slice, gone)
	}
}

func (w *watch) seeEvent(obj any, gone bool) {
	event, ok := unwrap[*corev1.Event](obj)
	if !ok || gone || event.InvolvedObject.Kind != "Pod" {
		return
	}
	at := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines.seeEvent(at, event)
}

// ended reports whether the run of a container is over.
func (w *watch) ended(c container) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.lines.pods[c.uid]
	return p == nil || !p.Gone.IsZero() || slices.ContainsFunc(p.Exits, func(e termination.Exit) bool { return e.Container == c.name })
}

// awaitGone waits until no pod is on its way out. Pods that are still there long after their grace
// period end the wait with an error.
func (w *watch) awaitGone(ctx context.Context) error {
	if err := pause(ctx, actionShows); err != nil {
		return err
	}
	began := time.Now()
	for {
		leaving, grace := w.leaving()
		if len(leaving) == 0 {
			return nil
		}
		if time.Since(began) > grace+goneMargin {
			return fmt.Errorf("still there %v after the action: %s", time.Since(began).Round(time.Second), strings.Join(leaving, ", "))
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// leaving names the pods on their way out, and the longest grace period among them.
func (w *watch) leaving() (names []string, grace time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.lines.pods {
		if p.asked && p.Gone.IsZero() {
			names = append(names, p.Pod.Name)
			grace = max(grace, time.Duration(p.GraceSeconds)*time.Second)
		}
	}
	slices.Sort(names)
	return names, grace
}

// finish ends the watch, and gives the lines of the pods that left and what their ledgers said.
func (w *watch) finish(ctx context.Context, answered int) (pods []report.PodLine, ledger *ledgers, notes []string) {
	w.awaitLedgers(ctx, answered)
	w.close()
	w.mu.Lock()
	defer w.mu.Unlock()
	pods = w.lines.left()
	for _, pod := range pods {
		if w.ledger != nil && !pod.Killed && !pod.Gone.IsZero() && w.lines.pods[types.UID(pod.Pod.UID)].exited == nil {
			notes = append(notes, fmt.Sprintf("the ledger of pod %s has no last line: its end was not read", pod.Pod.Name))
		}
		if len(pod.Steps) > 0 && pod.Gone.IsZero() && pod.Steps[0].Phase == termination.LameDuck {
			notes = append(notes, fmt.Sprintf("pod %s was still on its way out when the run ended", pod.Pod.Name))
		}
	}
	if w.ledger != nil && w.ledger.unknown > 0 {
		notes = append(notes, fmt.Sprintf("the ledgers have %d lines of requests that were never sent", w.ledger.unknown))
	}
	return pods, w.ledger, append(notes, w.logs.failures()...)
}

// awaitLedgers waits, for a while, until the ledgers account for all that was answered.
func (w *watch) awaitLedgers(ctx context.Context, answered int) {
	if w.ledger == nil {
		return
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		w.mu.Lock()
		applied := w.ledger.applied
		w.mu.Unlock()
		if applied >= answered || pause(ctx, 50*time.Millisecond) != nil {
			return
		}
	}
}

// close ends every goroutine of the watch.
func (w *watch) close() {
	w.stop()
	for _, factory := range w.factories {
		factory.Shutdown()
	}
	w.logs.wait()
}

// pause sleeps for d, or returns ctx's error when it ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
