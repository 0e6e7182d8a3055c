package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

// untilCollection is how much memory, in bytes, check takes before the first
// garbage collection. Ten thousand files need less.
const untilCollection = 160 << 20

// collectLate puts the first collection off: nearly all that check allocates
// it keeps to its end, so that the collections of a growing heap cost a third
// of its time and free nothing. After the first one the runtime's own pace
// holds. Who has set a pace by the environment gets that.
func collectLate() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	percent := debug.SetGCPercent(-1)
	debug.SetMemoryLimit(untilCollection)
	runtime.AddCleanup(new([1]*int), func(percent int) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(math.MaxInt64)
	}, percent)
}
