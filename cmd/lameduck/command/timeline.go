package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/check/rules"
	"github.com/lameduck-dev/lameduck/report/budget"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

const timelineHelp = `Draws what a manifest's grace period is spent on: how long each router may go on sending, and
beside it what the pod does, from its deletion to SIGKILL; and says where requests can be lost.

It shows what the input tells. Times of routers are those that were seen elsewhere, not in your
cluster: lameduck verify measures that.

Exit codes:
  0  drawn
  2  some input could not be read; the rest was drawn
  3  wrong usage`

func newTimeline() *cobra.Command {
	var input inputFlags
	cmd := &cobra.Command{
		Use:   "timeline FILE|FOLDER|-...",
		Short: "Draw what a manifest's grace period is spent on",
		Long:  timelineHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			in, _, err := input.load(cmd, args)
			if err != nil {
				return err
			}
			for i, w := range workload.Join(in.Files).Workloads {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				if err := budget.Write(cmd.OutOrStdout(), rules.Budget(w)); err != nil {
					return err
				}
			}
			for _, p := range in.Problems {
				printable.Fprintf(cmd.ErrOrStderr(), "lameduck: cannot read %v\n", p)
			}
			if len(in.Problems) > 0 {
				return &exitError{code: exitUnreadable}
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(usage)
	return cmd
}
