package verify

import (
	"testing"
	"time"
)

func TestPacer(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name    string
		pacer   pacer
		elapsed time.Duration
		sent    int64
		want    time.Duration
	}{
		{"the first at once", pacer{rate: 100}, 0, 0, 0},
		{"the next an interval later", pacer{rate: 100}, 0, 1, 10 * ms},
		{"part of the interval is over", pacer{rate: 100}, 4 * ms, 1, 6 * ms},
		{"late", pacer{rate: 100}, 30 * ms, 1, -20 * ms},
		{"lateness does not move the others", pacer{rate: 100}, 30 * ms, 4, 10 * ms},
		{"staggered", pacer{rate: 100, offset: 3 * ms}, 0, 0, 3 * ms},
		{"less than one a second", pacer{rate: 0.5}, 0, 3, 6 * time.Second},
		{"no drift after an hour at 2,000 a second", pacer{rate: 2000}, 0, 7_200_000, time.Hour},
		{"no drift at an odd rate", pacer{rate: 3}, 0, 3 * 86_400, 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.pacer.Wait(tt.elapsed, tt.sent); got != tt.want {
				t.Errorf("wait %v, want %v", got, tt.want)
			}
		})
	}
}
