// Package command is the agent's command line.
package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// Exit codes.
const (
	ExitDone   = 0   // prestop has waited, and the pod may stop
	ExitFailed = 1   // prestop has waited, but something needs a person; install failed
	ExitUsage  = 2   // install, or no such command: nothing was done
	ExitCut    = 143 // prestop was ended by SIGTERM or SIGINT
)

const usage = `lameduck-agent lets a pod stop when no router sends to it any more.

Usage:
  lameduck-agent prestop [flags] [-- COMMAND ARG...]   wait, as a container's preStop hook
  lameduck-agent install DIR [flags]                   copy itself and its settings into DIR
  lameduck-agent version

By hand, in a pod whose grace period is 60 s:

  lifecycle:
    preStop:
      exec:
        command: [/lameduck-agent, prestop, --grace=60s]

It waits until the pod's routers are confirmed to have stopped (with a hub), no new connection
has come for a while that depends on the pod's own traffic, and no request is in flight;
never longer than the budget for it, and at least --fallback-wait without a hub.

lameduck-agent prestop --help lists the flags.
`

// Main runs one command and gives its exit code.
func Main(args []string, version string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return ExitUsage
	}
	switch args[0] {
	case "prestop":
		return prestop(args[1:], stdout, stderr)
	case "install":
		return install(args[1:], stdout, stderr)
	case "version":
		fmt.Fprintln(stdout, "lameduck-agent", version)
		return ExitDone
	case "help", "-h", "--help", "-help":
		fmt.Fprint(stdout, usage)
		return ExitDone
	}
	fmt.Fprintf(stderr, "lameduck-agent: no command %q: it is prestop, install or version\n", args[0])
	return ExitUsage
}

func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed once, by us
	flags.Usage = func() {}
	return flags
}

func printFlags(flags *flag.FlagSet, to io.Writer, head string) {
	fmt.Fprint(to, head)
	flags.SetOutput(to)
	flags.PrintDefaults()
	flags.SetOutput(io.Discard)
}

func asksHelp(err error) bool { return errors.Is(err, flag.ErrHelp) }
