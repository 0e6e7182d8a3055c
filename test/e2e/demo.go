package e2e

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/lameduck-dev/lameduck/report"
)

// site is where a demo runs: the embedded cluster or an existing one.
type site interface {
	Run(ctx context.Context, t Trial) (*Seen, error)
}

// Demo does one rollout three times and writes what each lost: as most pods are today, with
// the sleep that most teams paste, and with lameduck. The last two meet the same stall.
func Demo(ctx context.Context, s site, stall func(context.Context, *Env) (func() error, error), out io.Writer) error {
	runs := []struct {
		name       string
		protection Protection
		before     func(context.Context, *Env) (func() error, error)
	}{
		{"as it is", Bare, nil},
		{"sleep 10", Sleep10, stall},
		{"lameduck", Lameduck, stall},
	}
	rows := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(rows, "\nrollout restart of 3 pods\trequests\tlost\tmasked\tstops took (median)\tslowest")
	var last *Seen
	for _, run := range runs {
		seen, err := s.Run(ctx, Trial{Protection: run.protection, Replicas: 3, Rate: rate, Action: rollout, Before: run.before})
		if err != nil {
			return fmt.Errorf("%s: %w", run.name, err)
		}
		name := run.name
		if run.before != nil {
			name += fmt.Sprintf(", a kube-proxy stalled for %s", stallFor)
		}
		fmt.Fprintf(rows, "%s\t%d\t%d\t%d\t%s\t%s\n", name, seen.Totals.Requests, seen.Totals.Lost, seen.Totals.Masked,
			seconds(seen.Hook, 0.5), seconds(seen.Hook, 1))
		for _, fault := range seen.Faults {
			fmt.Fprintf(rows, "  %s\n", fault)
		}
		last = seen
	}
	if err := rows.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nthe pods' timelines with lameduck:")
	if err := report.Timelines(out, last.Pods); err != nil {
		return err
	}
	if lost := last.Totals.Lost + last.Totals.Masked; lost > 0 {
		return fmt.Errorf("lameduck lost %d requests, which must not happen: please report it with the output above", lost)
	}
	return nil
}
