package agent

import (
	"testing"
	"time"
)

func TestConfirmationSaysWhereItsTimeWent(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	tests := []struct {
		name           string
		slices, passed time.Time
		want           string
	}{
		{"one clock", at(200), at(750), "routers confirmed after 1.00s (3 nodes; slices after 0.20s, the last node after 0.75s)"},
		{"the slices were first", at(-300), at(750), "routers confirmed after 1.00s (3 nodes; slices after 0.00s, the last node after 0.75s)"},
		{"the hub's clock is late", at(-5000), at(-4500), "routers confirmed after 1.00s (3 nodes; slices after 0.00s, the last node after 0.00s)"},
		{"the hub's clock is early", at(5000), at(5500), "routers confirmed after 1.00s (3 nodes; slices after 1.00s, the last node after 1.00s)"},
		{"the hub tells no times", time.Time{}, time.Time{}, "routers confirmed after 1.00s (3 nodes)"},
	}
	for _, tt := range tests {
		h := hubState{known: confirmed, at: at(1000), nodes: 3, slices: tt.slices, passed: tt.passed}
		if got := h.describe(at(1000), true, start); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
