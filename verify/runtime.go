package verify

import (
	"os"
	"runtime"
	"runtime/debug"
)

// perProcessor is the rate, in requests a second, that one processor of the Go runtime is given
// alone: about a third of what it can send.
const perProcessor = 3000

// TuneRuntime fits the Go runtime to a process that does little but send load at rate, unless
// GOGC or GOMAXPROCS say otherwise. It is for the whole process, so Run leaves it to its caller.
//
// The garbage of requests is short-lived: collecting it less often saves CPU. Threads that wake
// each other for every request cost more than they gain while one keeps up.
func TuneRuntime(rate float64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, min(int(rate/perProcessor)+1, runtime.NumCPU())))
	}
}
