// Command lameduck-agent runs in a pod: as its preStop hook, and as the init container that
// puts it there.
package main

import (
	"os"
	"runtime"

	"github.com/lameduck-dev/lameduck/agent/command"
	"github.com/lameduck-dev/lameduck/buildinfo"
)

// version is stamped by the linker.
var version string

// The agent runs within the limits of the application's container. Where a thread can't be started
// the Go runtime aborts, and the hook with it: one processor keeps the threads to seven on a
// machine of any size.
func init() { runtime.GOMAXPROCS(1) }

func main() {
	os.Exit(command.Main(os.Args[1:], buildinfo.Version(version), os.Stdout, os.Stderr))
}
