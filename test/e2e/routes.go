package e2e

import (
	"context"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// rulesReader reads where a node's own rules send new connections.
type rulesReader interface {
	NodeNames() []string
	Targets(ctx context.Context, node string) (map[netip.Addr]bool, error)
}

// routeWatch reads the rules of every node for every terminating pod, and remembers when
// any of them was last seen to send there.
type routeWatch struct {
	rules  rulesReader
	client kubernetes.Interface
	app    App

	mu   sync.Mutex
	last map[string]time.Time // by pod name
	err  error
}

// lookEvery bounds how exactly the last moment is known. A route that one look sees and the
// next does not counts as ended at the first, which is never in lameduck's favour.
const lookEvery = 50 * time.Millisecond

func watchRoutes(ctx context.Context, rules rulesReader, client kubernetes.Interface, app App) *routeWatch {
	w := &routeWatch{rules: rules, client: client, app: app, last: map[string]time.Time{}}
	go w.run(ctx)
	return w
}

func (w *routeWatch) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := w.look(ctx); err != nil && ctx.Err() == nil {
				w.mu.Lock()
				w.err = err
				w.mu.Unlock()
				return
			}
		}
	}
}

func (w *routeWatch) look(ctx context.Context) error {
	pods, err := w.client.CoreV1().Pods(w.app.Namespace).List(ctx, metav1.ListOptions{LabelSelector: w.app.Selector(), ResourceVersion: "0"})
	if err != nil {
		return err
	}
	leaving := map[netip.Addr]string{}
	for _, pod := range pods.Items {
		if ip, err := netip.ParseAddr(pod.Status.PodIP); err == nil && pod.DeletionTimestamp != nil && !done(&pod) {
			leaving[ip] = pod.Name
		}
	}
	if len(leaving) == 0 {
		return nil
	}
	for _, node := range w.rules.NodeNames() {
		at := time.Now()
		targets, err := w.rules.Targets(ctx, node)
		if err != nil {
			return err
		}
		w.mu.Lock()
		for ip, pod := range leaving {
			if targets[ip] {
				w.last[pod] = at
			}
		}
		w.mu.Unlock()
	}
	return nil
}

func done(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// lastRouted is when some node was last seen to send to the pod.
func (w *routeWatch) lastRouted(pod string) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, seen := w.last[pod]
	return at, seen
}

// fault is the error that ended the watch early, if one did.
func (w *routeWatch) fault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
