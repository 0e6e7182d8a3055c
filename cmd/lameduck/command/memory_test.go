package command

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// After the first collection nothing of the delay is left: a limit that stayed
// would have a large input collected without end.
func TestCollectLateEnds(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	collectLate()
	if limit := debug.SetMemoryLimit(-1); limit != untilCollection {
		t.Errorf("limit %d, want %d", limit, untilCollection)
	}
	runtime.GC()
	deadline := time.After(10 * time.Second) // cleanups run after the collection, beside the program
	for debug.SetMemoryLimit(-1) != math.MaxInt64 {
		select {
		case <-deadline:
			t.Fatal("the limit is still there")
		default:
			runtime.Gosched()
		}
	}
	percent := debug.SetGCPercent(100)
	if percent <= 0 {
		t.Errorf("the pace is %d %% after the first collection", percent)
	}
}

func TestCollectLateHeedsTheEnvironment(t *testing.T) {
	t.Setenv("GOGC", "50")
	collectLate()
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		t.Errorf("limit %d, want none", limit)
	}
}
