// Command cluster runs a real Kubernetes on one Linux machine, without Docker: see README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the command at once
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "cluster",
		Short: "A real Kubernetes on one Linux machine, without Docker",
		Long: `A real Kubernetes on one Linux machine, without Docker and without a registry.

Each node is a network namespace with its own containerd, kubelet and kube-proxy. Kubernetes and CoreDNS are built
from Go modules, once; containerd and runc come from the distribution (hack/deps.sh installs what is missing).
Several instances, each with its name, can be up at once. All commands need root.

Exit codes: 0 done, 1 anything else; the error says what is in the way and what to do.`,
		Example: `  cluster up --nodes 3 --proxy nftables
  export KUBECONFIG=$(cluster kubeconfig)
  cluster load app.tar
  cluster fault pause node2/kube-proxy
  cluster down`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	name := command.PersistentFlags().String("name", cluster.DefaultName, "the instance's name")
	command.AddCommand(
		newUp(name), newDown(name), newStatus(name), newLoad(name), newKubeconfig(name), newExec(name), newRules(name),
		newFault(name), newBuild())
	return command
}
