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

// pace is how much rarer than usual the later collections are: those of
// 100,000 files cost an eighth of the time at the usual pace, and find nothing
// either.
const pace = 3

// collectLate puts the first collection off: nearly all that check allocates
// it keeps to its end, so that the collections of a growing heap cost a third
// of its time and free nothing. After the first one the runtime
// has the word. Who has set a pace by the environment gets that.
func collectLate() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	percent := debug.SetGCPercent(-1)
	debug.SetMemoryLimit(untilCollection)
	runtime.AddCleanup(new([1]*int), func(percent int) {
		debug.SetGCPercent(pace * percent)
		debug.SetMemoryLimit(math.MaxInt64)
	}, percent)
}
