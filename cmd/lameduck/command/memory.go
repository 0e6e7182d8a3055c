package command

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// untilCollection is how much memory, in bytes, check takes before the first
// garbage collection. Ten thousand files need less.
const untilCollection = 152 << 20

// pace is how many times rarer than usual the later collections are. At the usual pace those of
// 100,000 files cost an eighth of the time, and free nothing either.
const pace = 3

// collectLate puts the first collection off: check keeps nearly all that it allocates, so the
// collections of a growing heap cost a third of its time and free nothing. After the first one the
// runtime decides. GOGC or GOMEMLIMIT in the environment wins.
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

// limitMemory keeps the heap below four fifths of a container's limit, in bytes; the rest is for
// memory that the collector does not count. GOMEMLIMIT in the environment wins.
func limitMemory(limit string) {
	bytes, err := strconv.ParseInt(limit, 10, 64)
	if err == nil && bytes > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes / 5 * 4)
	}
}
