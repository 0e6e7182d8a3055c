// Command lameduck-agent runs in a pod: as its preStop hook, and as the init container that
// puts it there.
package main

import (
	"os"

	"github.com/lameduck-dev/lameduck/agent/command"
)

// version is stamped by the linker.
var version = "dev"

func main() {
	os.Exit(command.Main(os.Args[1:], version, os.Stdout, os.Stderr))
}
