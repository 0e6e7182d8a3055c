package controller

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/barrier"
)

// TestStatusIsForTheLoopback: it names nodes and pods of all tenants, and any pod reaches the port.
func TestStatusIsForTheLoopback(t *testing.T) {
	l := at(optimistic("a"), "10.1.0.1")
	l.options.Keys = t.TempDir()
	l.metrics = unregisteredMetrics(l.status)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "off"}}
	node.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeOutOfService}}
	l.set(&leading{tenure: newTenure(), barriers: &barriers{leader: l, all: map[corev1.IPFamily]*barrier.Barrier{}, nodes: []*corev1.Node{node}}})
	for from, want := range map[string]int{
		"127.0.0.1:1": http.StatusOK, "[::1]:1": http.StatusOK, "[::ffff:127.0.0.1]:1": http.StatusOK,
		"10.1.0.9:1": http.StatusForbidden, "[fd00::1]:1": http.StatusForbidden, "": http.StatusForbidden,
	} {
		request := httptest.NewRequest(http.MethodGet, StatusPath, nil)
		request.RemoteAddr = from
		recorder := httptest.NewRecorder()
		l.serveStatus(recorder, request)
		if recorder.Code != want {
			t.Errorf("from %q: HTTP status %d, want %d", from, recorder.Code, want)
		}
		var status Status
		if want != http.StatusOK {
			continue
		}
		if err := json.Unmarshal(recorder.Body.Bytes(), &status); err != nil || !status.Leading || !status.LeaseHeld {
			t.Errorf("%s, %v", recorder.Body, err)
		}
		if diff := cmp.Diff([]LeftOut{{"off", "taint node.kubernetes.io/out-of-service"}}, status.LeftOut); diff != "" {
			t.Error(diff)
		}
	}
	l.now().drop()
	if status := l.status(); !status.Leading || status.LeaseHeld {
		t.Errorf("without a lease: %+v", status)
	}
	l.set(nil)
	if status := l.status(); status.Leading || status.Barrier != nil {
		t.Errorf("another leads: %+v", status)
	}
}
