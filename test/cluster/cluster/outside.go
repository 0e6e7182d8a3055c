package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/host"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/netns"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/proc"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/render"
)

// Outside is a machine beside the cluster's nodes: it reaches them, the pods and the API server, and is neither a node
// nor a pod. A cloud's load balancer has such a place.
type Outside struct{ cluster *Cluster }

// Outside gives the machine beside the nodes, and makes it if it is not there yet. It goes with the cluster.
func (c *Cluster) Outside(ctx context.Context) (*Outside, error) {
	path := render.OutsideNetns(c.plan)
	if _, err := os.Stat(path); err == nil {
		return &Outside{c}, nil
	}
	err := netns.Create(path)
	if err == nil {
		err = netns.Do(render.Switch(c.plan), func() error { return host.IP(ctx, render.OutsideSwitchLink(c.plan)) })
	}
	if err == nil {
		err = netns.Do(path, func() error { return host.IP(ctx, render.OutsideInnerLink(c.plan)) })
	}
	if err != nil {
		return nil, fmt.Errorf("making a machine beside the nodes: %w", err)
	}
	return &Outside{c}, nil
}

// Address is the machine's.
func (o *Outside) Address() netip.Addr { return o.cluster.plan.OutsideAddr() }

// Start starts cmd on the machine; the caller waits for it. It is killed when the cluster is stopped.
func (o *Outside) Start(cmd *exec.Cmd) error {
	return startIn(o.cluster.plan.Dir, cmd, func() error { return netns.Do(render.OutsideNetns(o.cluster.plan), cmd.Start) }, "beside the nodes")
}

// startIn starts cmd by start, with the mark by which all processes of a cluster are found again.
func startIn(dir string, cmd *exec.Cmd, start func() error, where string) error {
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, proc.Set{Dir: dir}.Environment())
	if err := start(); err != nil {
		return fmt.Errorf("%s %s: %w", cmd.Path, where, err)
	}
	return nil
}
