// Package command is lameduck's command line.
package command

import (
	"errors"
	"io"
	"log"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

// LocalImages is the image repository of an unpublished build.
const LocalImages = "registry.local"

// Build identifies the program's build.
type Build struct {
	Version string
	Images  string // repository of the images that belong to it
}

func (b Build) image() string      { return b.Images + "/lameduck:" + b.Version }
func (b Build) agentImage() string { return b.Images + "/lameduck-agent:" + b.Version }

// exitError carries a documented exit code up to Main; an empty err says nothing more.
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

// Main runs one command and gives its exit code. Only what does no harm on a terminal gets through
// to stdout and stderr. It takes the process over: its signals, its standard logger and, once files
// are read, its PATH and its HTTP transport.
func Main(args []string, build Build, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(build)
	root.SetArgs(args)
	root.SetIn(stdin)
	guard(root, stdout, stderr)
	beforeRendering = offline
	logTo(root.ErrOrStderr())
	return execute(root, args)
}

// logTo has the libraries log to w: what they log may quote a server.
func logTo(w io.Writer) {
	log.SetFlags(0)
	log.SetOutput(w)
	klog.LogToStderr(false)
	klog.SetOutput(w)
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

func newRoot(build Build) *cobra.Command {
	root := &cobra.Command{
		Use:   "lameduck",
		Short: "No request is lost because a pod stopped, and it is proved",
		Long: `lameduck joins the two timelines of a pod's stop: it announces that the pod leaves,
confirms that every router has stopped sending to it, lets what is in flight finish,
and only then lets the pod stop, inside the grace period.

Each command documents its own exit codes. Unless it says otherwise 2 is wrong usage, and 130 and
143 mean that SIGINT or SIGTERM ended it.`,
		Version:       build.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(nearFlag)
	root.SetHelpCommand(newHelp())
	root.AddCommand(newVerify(build), newController(), newInject(build), newInstall(build), newUninstall(), newStatus(), newCheck(), newFix(), newExplain(), newRules(), newTimeline(), newVersion(build))
	return root
}
