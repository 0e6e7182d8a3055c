package cluster

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/host"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/netns"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/render"
)

// sysctlsFile keeps what the kubelets change on the host, from the first instance's start to the last one's end.
var sysctlsFile = filepath.Join(base, "host-sysctls.json")

func saveSysctls() error { return host.SaveSysctls(sysctlsFile) }

// makeCgroups gives each node a cgroup, under which its kubelet puts its pods.
func makeCgroups(p plan.Plan) error {
	for n := 1; n <= p.Nodes; n++ {
		cgroups, err := host.FindCgroups(filepath.Join(p.Cgroup(), plan.NodeName(n)))
		if err != nil {
			return err
		}
		if err := cgroups.Make(); err != nil {
			return err
		}
	}
	return nil
}

// links are the names of the instance's links on the host.
func links(p plan.Plan) []string {
	names := []string{p.Bridge()}
	for n := 1; n <= p.Nodes; n++ {
		names = append(names, p.Veth(n))
	}
	return names
}

// makeLinks joins the nodes' namespaces to the host and to each other.
func (s starter) makeLinks(ctx context.Context) error {
	if err := host.IP(ctx, render.HostLinks(s.plan)); err != nil {
		return fmt.Errorf("making the cluster's bridge: %w", err)
	}
	for _, node := range s.Nodes() {
		if err := netns.Create(node.render.Netns()); err != nil {
			return err
		}
		if err := host.IP(ctx, node.render.HostLink()); err != nil {
			return fmt.Errorf("linking %s: %w", node.Name(), err)
		}
		if _, err := node.exec(ctx, node.render.InnerLink(), "ip", "-batch", "-"); err != nil {
			return fmt.Errorf("linking %s: %w", node.Name(), err)
		}
		if _, err := node.Exec(ctx, "sysctl", "-qw", "net.ipv4.ip_forward=1"); err != nil {
			return err
		}
	}
	return nil
}
