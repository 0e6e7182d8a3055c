package controller

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/barrier"
)

const (
	// leftAfter is the age from which a Service that the leader does not use is left over: it is removed
	// after a few minutes, and a young one may be about to be used.
	leftAfter = 10 * time.Minute
	// countLeftEvery is how often the leader counts what is left over.
	countLeftEvery = 5 * time.Minute
)

// LeftServices names the Services of the barrier that the leader does not use.
func LeftServices(services []corev1.Service, used []string, now time.Time) (left []string) {
	for _, service := range services {
		if now.Sub(service.CreationTimestamp.Time) >= leftAfter && !slices.Contains(used, service.Name) {
			left = append(left, "service/"+service.Name+" in "+service.Namespace)
		}
	}
	return left
}

// countLeftovers counts for the metrics what nothing uses any more, until ctx is done. The controller may not
// read role bindings: lameduck status alone finds those, with its user's rights.
func (b *barriers) countLeftovers(ctx context.Context) {
	l := b.leader
	defer l.metrics.leftovers.Set(0)
	for {
		if left, err := b.leftovers(ctx); err == nil {
			l.metrics.leftovers.Set(float64(len(left)))
		} else if ctx.Err() == nil {
			l.options.Log.Warn("status: counting what is left over", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(countLeftEvery):
		}
	}
}

func (b *barriers) leftovers(ctx context.Context) ([]string, error) {
	l := b.leader
	services, err := l.clientset.CoreV1().Services(l.options.BarrierNamespace).List(ctx, metav1.ListOptions{LabelSelector: barrier.ManagedByLabel + "=" + barrier.ManagedBy})
	if err != nil {
		return nil, err
	}
	return LeftServices(services.Items, b.services(), time.Now()), nil
}
