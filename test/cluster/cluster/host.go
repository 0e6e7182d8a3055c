package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/host"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/netns"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/render"
)

// sysctlsFile holds the old values of what the kubelets change on the host, from the first instance's start to the
// last one's end.
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
func links(p plan.Plan) []string { return []string{p.Uplink()} }

// makeLinks joins the nodes' namespaces to the host and to each other.
func (s starter) makeLinks(ctx context.Context) error {
	switchNetns := render.Switch(s.plan)
	if err := netns.Create(switchNetns); err != nil {
		return err
	}
	for _, node := range s.Nodes() {
		if err := netns.Create(node.render.Netns()); err != nil {
			return err
		}
	}
	if err := host.IP(ctx, render.HostLinks(s.plan)); err != nil {
		return fmt.Errorf("linking the host: %w", err)
	}
	err := netns.Do(switchNetns, func() error { return host.IP(ctx, render.SwitchLinks(s.plan)) })
	if err != nil {
		return fmt.Errorf("linking the nodes: %w", err)
	}
	for _, node := range s.Nodes() {
		err := node.Do(func() error {
			if err := host.IP(ctx, node.render.InnerLink()); err != nil {
				return err
			}
			for _, setting := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} { // those of this thread's namespace
				if err := os.WriteFile("/proc/sys/net/"+setting, []byte("1"), 0o644); err != nil && (s.plan.IPv6 || !errors.Is(err, fs.ErrNotExist)) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("linking %s: %w", node.Name(), err)
		}
	}
	return nil
}
