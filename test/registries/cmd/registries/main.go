// Command registries starts one of the real registries on this machine, and stops it on Ctrl-C.
package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/test/registries"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	command := &cobra.Command{
		Use:           "registries",
		Short:         "Real registries on this machine, for tests and for trying things out",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	names := slices.Sorted(maps.Keys(registries.Plans()))
	command.AddCommand(&cobra.Command{
		Use:       "up NAME",
		Short:     "Start a registry, print its addresses, and stop it on Ctrl-C",
		Long:      "Start a registry, print its addresses, and stop it on Ctrl-C. The names: " + strings.Join(names, ", ") + ".",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: names,
		RunE: func(command *cobra.Command, args []string) error {
			return up(command.Context(), registries.Plans()[args[0]](), command.OutOrStdout())
		},
	})
	return command
}

func up(ctx context.Context, plan registries.Plan, out io.Writer) error {
	servers, err := registries.Start(ctx, plan)
	if err != nil {
		return err
	}
	for _, n := range servers.Nodes {
		fmt.Fprintln(out, servers.Name, n.Address)
	}
	if servers.Login != nil {
		fmt.Fprintln(out, "user", servers.Login.User, "password", servers.Login.Password)
	}
	<-ctx.Done()
	return servers.Stop()
}
