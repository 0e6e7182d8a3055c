package controller

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/lameduck-dev/lameduck/barrier"
)

// TestLeftoversAreCounted: the Services that `lameduck status` names as left over are a metric of the leader.
func TestLeftoversAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := func(namespace, name string, age time.Duration, labels map[string]string) *corev1.Service {
			return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels, CreationTimestamp: metav1.NewTime(time.Now().Add(-age))}}
		}
		managed := map[string]string{barrier.ManagedByLabel: barrier.ManagedBy}
		client := fake.NewClientset(
			service("zz", "barrier-old", leftAfter, managed), service("zz", "barrier-young", leftAfter-time.Minute, managed),
			service("zz", "somebodys", time.Hour, nil), service("shop", "elsewhere", time.Hour, managed),
		)
		l := at(client, "10.1.0.1")
		l.metrics = unregisteredMetrics(l.status)
		b := &barriers{leader: l}
		left, err := b.leftovers(t.Context())
		if want := []string{"service/barrier-old in zz"}; err != nil || !slices.Equal(left, want) {
			t.Errorf("left over: %q, %v; want %q", left, err, want)
		}
		counted := func() float64 {
			registry := prometheus.NewRegistry()
			registry.MustRegister(l.metrics.leftovers)
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			return families[0].GetMetric()[0].GetGauge().GetValue()
		}
		go b.countLeftovers(t.Context())
		synctest.Wait()
		if got := counted(); got != 1 {
			t.Errorf("%v are counted, want 1", got)
		}
		for _, name := range []string{"barrier-old", "barrier-young"} {
			if err := client.CoreV1().Services("zz").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(countLeftEvery)
		synctest.Wait()
		if got := counted(); got != 0 {
			t.Errorf("after they were removed %v are counted", got)
		}
	})
}
