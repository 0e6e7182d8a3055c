package hub

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// servers are the cluster's DNS: they give the pod's address until a moment, answers are valid for ttl.
type servers struct {
	until time.Time
	ttl   time.Duration
	err   error
	asked int
}

func (d *servers) Gives(context.Context, string, []string, []string) (bool, time.Duration, error) {
	d.asked++
	return time.Now().Before(d.until), d.ttl, d.err
}

// TestDNSForgot: the hub says so once no server gives the address and what was given is valid no longer,
// by the next call of an agent at the latest, and not any more when the pod is offered again.
func TestDNSForgot(t *testing.T) {
	tests := []struct {
		name string
		dns  servers
		from time.Duration
		to   time.Duration // zero: never
	}{
		{"caches outlast the answers' time", servers{ttl: 5 * time.Second}, 12 * time.Second, 18 * time.Second},
		{"the answers' time outlasts the servers", servers{ttl: 20 * time.Second}, 20 * time.Second, 26 * time.Second},
		{"no answer tells a time", servers{}, 40 * time.Second, 46 * time.Second},
		{"it can't be asked", servers{ttl: time.Second, err: errors.New("refused")}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				dns := tt.dns
				dns.until = time.Now().Add(12 * time.Second)
				if tt.name == "the answers' time outlasts the servers" {
					dns.until = time.Now().Add(3 * time.Second)
				}
				s.hub.config.DNS = &dns
				s.add("a")
				s.terminate("a")
				s.view.SetService(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"}})
				s.slice(10, map[string]string{"a": "leaving", "b": "ready"}, discoveryv1.LabelManagedBy, "x", corev1.IsHeadlessService, "")
				began := time.Now()
				answer := s.confirm("a", 5)
				if !answer.Confirmed || answer.DNSForgot {
					t.Fatalf("%+v", answer)
				}
				for !answer.DNSForgot && time.Since(began) < time.Minute {
					answer = s.hold("a", 5) // as agents ask
					if !answer.Confirmed {
						t.Fatalf("%+v", answer)
					}
				}
				took := time.Since(began)
				if answer.DNSForgot != (tt.to > 0) || answer.DNSForgot && (took < tt.from || took > tt.to) {
					t.Errorf("%t after %v, asked %d times", answer.DNSForgot, took, dns.asked)
				}
				s.slice(11, map[string]string{"a": "ready", "b": "leaving"}, corev1.IsHeadlessService, "")
				if answer := s.confirm("a", 0); answer.DNSForgot {
					t.Errorf("offered again: %+v", answer)
				}
			})
		})
	}
}
