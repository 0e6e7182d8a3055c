package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

func newUp(name *string) *cobra.Command {
	var options cluster.Options
	command := &cobra.Command{
		Use:   "up",
		Short: "Bring up an instance and print the KUBECONFIG to use",
		Long: `Bring up an instance and wait until its nodes are Ready: some seconds, and some minutes more for the
first build. On failure or Ctrl-C everything started so far is taken down again.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if options.Nodes < 1 {
				return fmt.Errorf("--nodes %d: a cluster has at least one", options.Nodes)
			}
			options.Name = *name
			options.Progress = command.ErrOrStderr()
			c, err := cluster.Start(command.Context(), options)
			if err != nil {
				return err
			}
			fmt.Fprintf(command.OutOrStdout(), "export KUBECONFIG=%s\nkubectl is %s\n", c.Kubeconfig(), c.KubectlPath())
			return nil
		},
	}
	command.Flags().IntVar(&options.Nodes, "nodes", cluster.DefaultNodes, "number of nodes")
	command.Flags().StringVar(&options.Proxy, "proxy", cluster.NFTables, "kube-proxy's mode: nftables or iptables")
	command.Flags().BoolVar(&options.IPv6, "ipv6", false, "give nodes, pods and Services IPv6 addresses only")
	command.Flags().BoolVar(&options.NoDNS, "no-dns", false, "leave CoreDNS out")
	return command
}

func newBuild() *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Build what `up` needs, without bringing anything up",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return cluster.Build(command.Context(), cluster.Options{Progress: command.ErrOrStderr()})
		},
	}
}

func newDown(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Take an instance down, however far it came up",
		Long: `Take an instance down: its processes, mounts, namespaces, links and files, even after a crash of up.
It is not an error if the instance is not up.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			err := cluster.Remove(command.Context(), *name)
			if errors.Is(err, cluster.ErrNotUp) {
				fmt.Fprintf(command.ErrOrStderr(), "cluster %q is not up\n", *name)
				return nil
			}
			return err
		},
	}
}

func newStatus(name *string) *cobra.Command {
	var footprint bool
	command := &cobra.Command{
		Use:   "status",
		Short: "Show the instances, or everything that one of them has on the machine",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if footprint {
				return printFootprint(command.OutOrStdout(), *name)
			}
			return printStatus(command.OutOrStdout())
		},
	}
	command.Flags().BoolVar(&footprint, "footprint", false, "list the instance's processes, mounts, links, cgroups and files")
	return command
}

func printStatus(out io.Writer) error {
	clusters, err := cluster.All()
	if err != nil {
		return err
	}
	if len(clusters) == 0 {
		fmt.Fprintln(out, "no cluster is up")
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range clusters {
		fmt.Fprintf(table, "%s\t%d nodes\t%s\t%s\n", c.Name(), len(c.Nodes()), c.Proxy(), c.Kubeconfig())
		for _, process := range c.Processes() {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", process.Name, process.State(), process.Log())
		}
	}
	return table.Flush()
}

func printFootprint(out io.Writer, name string) error {
	c, err := cluster.Attach(name)
	if err != nil {
		return err
	}
	lines, err := c.Footprint()
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	return err
}

func newLoad(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "load IMAGE.tar...",
		Short: "Load an image archive, as `docker save` writes it, on every node",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, archives []string) error {
			c, err := cluster.Attach(*name)
			if err != nil {
				return err
			}
			for _, archive := range archives {
				if err := c.Load(command.Context(), archive); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func newKubeconfig(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the path of the instance's kubeconfig",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := cluster.Attach(*name)
			if err != nil {
				return err
			}
			fmt.Fprintln(command.OutOrStdout(), c.Kubeconfig())
			return nil
		},
	}
}

func newExec(name *string) *cobra.Command {
	command := &cobra.Command{
		Use:     "exec NODE -- PROGRAM [ARGUMENT...]",
		Short:   "Run a program in a node's network namespace",
		Example: "  cluster exec node1 -- curl -s http://10.96.0.20/",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			node, err := attachNode(*name, args[0])
			if err != nil {
				return err
			}
			program := exec.CommandContext(command.Context(), args[1], args[2:]...)
			program.Stdin, program.Stdout, program.Stderr = command.InOrStdin(), command.OutOrStdout(), command.ErrOrStderr()
			if err := node.Start(program); err != nil {
				return err
			}
			return program.Wait()
		},
	}
	return command
}

func newRules(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "rules NODE",
		Short: "Print what a node's kube-proxy has programmed",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			node, err := attachNode(*name, args[0])
			if err != nil {
				return err
			}
			dump, err := node.Rules(command.Context())
			if err != nil {
				return err
			}
			_, err = command.OutOrStdout().Write(dump)
			return err
		},
	}
}

func attachNode(name, node string) (*cluster.Node, error) {
	c, err := cluster.Attach(name)
	if err != nil {
		return nil, err
	}
	return c.Node(node)
}
