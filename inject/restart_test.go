package inject

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// A probe's own grace period is what a container has when it is restarted: the agent has to know (L10).
func TestRestartGrace(t *testing.T) {
	probe := func(seconds ...int64) *corev1.Probe {
		p := &corev1.Probe{}
		if len(seconds) > 0 {
			p.TerminationGracePeriodSeconds = &seconds[0]
		}
		return p
	}
	for _, tt := range []struct {
		name  string
		c     corev1.Container
		grace time.Duration
	}{
		{"no probes", corev1.Container{}, 0},
		{"probes without", corev1.Container{LivenessProbe: probe(), StartupProbe: probe()}, 0},
		{"liveness", corev1.Container{LivenessProbe: probe(10)}, 10 * time.Second},
		{"the shorter one", corev1.Container{LivenessProbe: probe(10), StartupProbe: probe(5)}, 5 * time.Second},
		{"a readiness probe restarts nothing", corev1.Container{ReadinessProbe: probe(5)}, 0},
	} {
		if got := restartGrace(tt.c); got != tt.grace {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.grace)
		}
	}
}
