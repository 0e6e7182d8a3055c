package e2e

import (
	"strings"
	"testing"
	"time"
)

func TestPass(t *testing.T) {
	tests := []struct {
		name string
		o    Outcome
		want bool
	}{
		{"nothing lost, control lost", Outcome{Control: "bare", ControlLost: 3}, true},
		{"no control needed", Outcome{}, true},
		{"control lost nothing", Outcome{Control: "bare"}, false},
		{"lost", Outcome{Control: "bare", ControlLost: 3, Lost: 1}, false},
		{"masked", Outcome{Control: "bare", ControlLost: 3, Masked: 1}, false},
		{"a fault", Outcome{Faults: []string{"pod app-1 was killed"}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.o.Pass(); got != tt.want {
				t.Errorf("Pass() = %v for %s", got, tt.o.Line())
			}
			if got := strings.Contains(tt.o.Line(), " pass"); got != tt.want {
				t.Errorf("the line says otherwise: %s", tt.o.Line())
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	ms := func(values ...int) (all []time.Duration) {
		for _, v := range values {
			all = append(all, time.Duration(v)*time.Millisecond)
		}
		return all
	}
	tests := []struct {
		durations []time.Duration
		q         float64
		want      time.Duration
	}{
		{ms(7), 0.5, 7 * time.Millisecond},
		{ms(3, 1, 2), 0.5, 2 * time.Millisecond},
		{ms(4, 3, 2, 1), 0.5, 2 * time.Millisecond},
		{ms(4, 3, 2, 1), 0.99, 4 * time.Millisecond},
	}
	for _, tt := range tests {
		if got := quantile(tt.durations, tt.q); got != tt.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", tt.durations, tt.q, got, tt.want)
		}
	}
}
