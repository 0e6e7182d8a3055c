package command

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/buildinfo"
)

const versionHelp = `Prints the version, and what the program was built from: --version, with the commit and its date,
the Go version and the platform. A build that does not know its commit leaves it out.

Exit codes:
  0  printed
  2  wrong usage`

func newVersion(build Build) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, and what the program was built from",
		Long:    versionHelp,
		Example: "  lameduck version -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--output", output, "text", "json"); err != nil {
				return err
			}
			info := buildinfo.Read(build.Version)
			if output == "text" {
				return writeVersion(cmd.OutOrStdout(), info)
			}
			encoder := json.NewEncoder(cmd.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(info)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// writeVersion begins with the line that --version prints.
func writeVersion(w io.Writer, info buildinfo.Info) error {
	if _, err := fmt.Fprintf(w, "lameduck version %s\n", info.Version); err != nil {
		return err
	}
	if info.Commit != "" {
		modified := ""
		if info.Modified {
			modified = ", with changes"
		}
		if _, err := fmt.Fprintf(w, "commit    %s%s\ndate      %s\n", info.Commit, modified, info.Date); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "go        %s\nplatform  %s\n", info.Go, info.Platform)
	return err
}
