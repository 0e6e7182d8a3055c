// Command lameduck-registry runs in a pod beside lameduck-agent, which starts it: it takes the
// pod's instance out of service registries. It is a program of its own because HTTP and TLS
// would make the agent, which is in every pod, several times as large.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/lameduck-dev/lameduck/buildinfo"
	"github.com/lameduck-dev/lameduck/registry/command"
)

// version is stamped by the linker.
var version string

// It runs beside an application whose limits it shares: one processor keeps its threads few, early
// collection its heap small.
func init() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(20)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := command.Main(ctx, os.Args[1:], buildinfo.Version(version), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
