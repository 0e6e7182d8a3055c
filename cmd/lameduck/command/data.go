package command

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// addRaw adds the flag by which a user says that a program reads standard output.
func addRaw(f *pflag.FlagSet) {
	f.Bool("raw", false, "a program reads standard output: write each byte as it is, even in a CI job")
}

// dataOut is where a command writes manifests: byte for byte, unless it is a terminal. In a CI job what
// its runner would take for a command is refused, since standard output may be the job's log.
func dataOut(cmd *cobra.Command) io.Writer {
	out := cmd.OutOrStdout()
	switch {
	case isTerminal(out):
		return out
	case maybeLog(cmd, out):
		return commandless{raw(out)}
	}
	return raw(out)
}

// diffOut is where a command writes a diff: byte for byte to a program or a file, and guarded to people,
// on a terminal or in the log of a CI job.
func diffOut(cmd *cobra.Command) io.Writer {
	out := cmd.OutOrStdout()
	if isTerminal(out) || maybeLog(cmd, out) {
		return out
	}
	return raw(out)
}

// runners are the variables that CI systems set in their jobs.
var runners = []string{"CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "TEAMCITY_VERSION", "BUILDKITE"}

// maybeLog reports whether w may be the log of a CI job: it is a pipe there, as it is to a program.
func maybeLog(cmd *cobra.Command, w io.Writer) bool {
	if forProgram, err := cmd.Flags().GetBool("raw"); err == nil && forProgram {
		return false
	}
	file, ok := raw(w).(*os.File)
	if !ok {
		return false
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		return false
	}
	return slices.ContainsFunc(runners, func(name string) bool {
		value := os.Getenv(name)
		return value != "" && value != "0" && value != "false" && value != "False"
	})
}

// commandless refuses a text that holds a command to a CI system: to change it would be another text.
type commandless struct{ to io.Writer }

// Write writes all of p or nothing.
func (c commandless) Write(p []byte) (int, error) {
	if line := printable.CommandLine(string(p)); line > 0 {
		return 0, fmt.Errorf("line %d is a command to CI systems, and standard output may be the log of one: write it to a file (> FILE), or add --raw if a program reads it", line)
	}
	return c.to.Write(p)
}
