// Package growthtest holds that work grows with its input, and not with its square.
package growthtest

import (
	"syscall"
	"testing"
	"time"
)

// More is how many times larger than the small input the large one is.
const More = 8

// Linear runs the work on a small and on a large input, and fails if the large one takes the processor
// for more than three times as long as it should: work that grows with the square takes it eight times
// as long. Processor time does not depend on how busy the machine is.
func Linear(t *testing.T, small, large func()) {
	t.Helper()
	least := min(processor(small), processor(small), processor(small))
	took, limit := processor(large), 3*More*least+50*time.Millisecond
	if took > limit {
		t.Errorf("an input %d times as large takes %v where the small one takes %v: more than %v", More, took, least, limit)
	}
	t.Logf("%v, and %v for an input %d times as large", least, took, More)
}

// processor is how long work takes this process's processors.
func processor(work func()) time.Duration {
	before := used()
	work()
	return used() - before
}

func used() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
