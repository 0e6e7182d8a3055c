// Command lameduck is the CLI (also usable as a kubectl plugin) and the controller's entry.
package main

import (
	"errors"
	"log"
	"os"

	"github.com/spf13/cobra"
)

// version is stamped by the linker.
var version = "dev"

// exitError carries a documented exit code up to main; an empty err says nothing more.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func main() {
	root := newRoot()
	guarded(root)
	beforeRendering = offline
	log.SetFlags(0)
	log.SetOutput(root.ErrOrStderr()) // of the libraries that write there
	os.Exit(execute(root))
}

// exitCode is the code to exit with after err.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var coded *exitError
	if errors.As(err, &coded) {
		return coded.code
	}
	return 2
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "lameduck",
		Short: "No request is lost because a pod stopped, and it is proved",
		Long: `lameduck joins the two timelines of a pod's stop: it announces that the pod leaves,
confirms that every router has stopped sending to it, lets what is in flight finish,
and only then lets the pod stop, inside the grace period.

Each command documents its own exit codes; 2 is wrong usage unless it says otherwise, 130 and
143 that SIGINT or SIGTERM ended it.`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newVerify(), newController(), newInject(), newInstall(), newUninstall(), newStatus(), newCheck(), newFix(), newExplain(), newRules(), newTimeline())
	return root
}
