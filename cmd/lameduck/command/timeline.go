package command

import (
	"fmt"
	"reflect"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/check/rules"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/budget"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

const timelineHelp = `Draws how a manifest's grace period is spent: how long each router may go on sending and, beside
it, what the pod does from its deletion to SIGKILL. Says where requests can be lost.

It reads what check reads: files, folders, standard input (-), charts and kustomizations. --values
adds values files for charts.

It knows the input only. The routers' times were measured elsewhere, not in your cluster: lameduck
verify measures there.

Exit codes:
  0  drawn
  2  some input could not be read, and the rest was drawn; or nothing that was named holds a
     Kubernetes object (--allow-empty makes that 0)
  3  wrong usage`

func newTimeline() *cobra.Command {
	var input inputFlags
	cmd := &cobra.Command{
		Use:     "timeline FILE|FOLDER|-...",
		Short:   "Draw how a manifest's grace period is spent",
		Long:    timelineHelp,
		Example: "  lameduck timeline deploy/\n  lameduck timeline --values prod.yaml charts/web",
		RunE: func(cmd *cobra.Command, args []string) error {
			in, _, err := input.load(cmd, args)
			if err != nil {
				return err
			}
			if err := input.nothing(cmd, in, args); err != nil {
				return err
			}
			budgets := budgetsOf(in.Files)
			for filled := range check.Filled(in.Files) {
				for i, other := range budgetsOf(filled) {
					budgets[i].Open = budgets[i].Open || !reflect.DeepEqual(other, budgets[i])
				}
			}
			for i, b := range budgets {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				if err := budget.Write(cmd.OutOrStdout(), b); err != nil {
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
	input.addReading(cmd.Flags())
	return cmd
}

func budgetsOf(files []*manifest.File) []budget.Budget {
	var all []budget.Budget
	for _, w := range workload.Join(files).Workloads {
		all = append(all, rules.Budget(w))
	}
	return all
}
