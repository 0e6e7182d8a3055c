// Command lameduck is the CLI (also usable as a kubectl plugin) and the controller's entry.
package main

import (
	"os"

	"github.com/lameduck-dev/lameduck/buildinfo"
	"github.com/lameduck-dev/lameduck/cmd/lameduck/command"
)

// Stamped by the linker.
var (
	version string
	images  = command.LocalImages
)

func main() {
	os.Exit(command.Main(os.Args[1:], command.Build{Version: buildinfo.Version(version), Images: images}, os.Stdin, os.Stdout, os.Stderr))
}
