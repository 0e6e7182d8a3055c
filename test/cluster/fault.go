package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

func newFault(name *string) *cobra.Command {
	command := &cobra.Command{
		Use:   "fault",
		Short: "Break something, or repair it",
		Long: `Break something, or repair it. A PROCESS is etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
or NODE/kubelet, NODE/kube-proxy, NODE/containerd; a NODE is node1, node2 and so on.`,
		Example: `  cluster fault pause node2/kube-proxy     # its rules go stale
  cluster fault resume node2/kube-proxy
  cluster fault restart kube-apiserver
  cluster fault stop node1/kubelet
  cluster fault cut node3                  # from the API server
  cluster fault mend node3
  cluster fault delay node2 5s             # its EndpointSlice events; 0s ends it
  cluster fault relist node2`,
	}
	command.AddCommand(
		processFault(name, "pause", "Freeze a process (SIGSTOP)", func(_ context.Context, p *cluster.Process) error { return p.Pause() }),
		processFault(name, "resume", "Let a frozen process go on", func(_ context.Context, p *cluster.Process) error { return p.Resume() }),
		processFault(name, "stop", "End a process (SIGTERM)", func(ctx context.Context, p *cluster.Process) error { return p.Stop(ctx) }),
		processFault(name, "kill", "End a process (SIGKILL)", func(_ context.Context, p *cluster.Process) error { return p.Kill() }),
		processFault(name, "start", "Start a process that was stopped", func(_ context.Context, p *cluster.Process) error { return p.Start() }),
		processFault(name, "restart", "Stop and start a process", func(ctx context.Context, p *cluster.Process) error { return p.Restart(ctx) }),
		nodeFault(name, "cut", "Cut a node off from the API server", (*cluster.Node).Cut),
		nodeFault(name, "mend", "Undo cut", (*cluster.Node).Mend),
		nodeFault(name, "cut-watch", "End the EndpointSlice watch of a node's kube-proxy once", (*cluster.Node).CutWatch),
		nodeFault(name, "relist", "Make a node's kube-proxy list all EndpointSlices again", (*cluster.Node).Relist),
		newDelay(name),
	)
	return command
}

func processFault(name *string, use, short string, apply func(context.Context, *cluster.Process) error) *cobra.Command {
	return &cobra.Command{
		Use:   use + " PROCESS",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			c, err := cluster.Attach(*name)
			if err != nil {
				return err
			}
			process, err := c.Process(args[0])
			if err != nil {
				return err
			}
			return apply(command.Context(), process)
		},
	}
}

func nodeFault(name *string, use, short string, apply func(*cluster.Node, context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use:   use + " NODE",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			node, err := attachNode(*name, args[0])
			if err != nil {
				return err
			}
			return apply(node, command.Context())
		},
	}
}

func newDelay(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "delay NODE DURATION",
		Short: "Delay the EndpointSlice events of a node's kube-proxy; 0s ends it",
		Args:  cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			by, err := time.ParseDuration(args[1])
			if err != nil || by < 0 {
				return fmt.Errorf("delay %q: give a duration such as 500ms or 5s", args[1])
			}
			node, err := attachNode(*name, args[0])
			if err != nil {
				return err
			}
			return node.DelayEndpointSlices(command.Context(), by)
		},
	}
}
