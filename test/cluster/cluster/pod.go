package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/netns"
)

// PodNetwork is the network of a pod, as its containers see it.
type PodNetwork struct {
	namespace *os.File
}

// PodNetwork finds the network of a pod on this node by one of its containers, named as in the pod's status:
// containerd://ID. The caller closes it.
func (n *Node) PodNetwork(ctx context.Context, containerID string) (*PodNetwork, error) {
	id, ours := strings.CutPrefix(containerID, "containerd://")
	if !ours {
		return nil, fmt.Errorf("finding the network of a container on %s: its id is %q, want containerd://ID", n.Name(), containerID)
	}
	cmd := exec.CommandContext(ctx, "ctr", "--address", n.render.ContainerdSocket(), "--namespace", "k8s.io", "tasks", "list")
	out, err := cmd.Output()
	if err != nil {
		return nil, commandError("listing the containers on "+n.Name(), err)
	}
	pid, err := taskPID(string(out), id)
	if err != nil {
		return nil, fmt.Errorf("finding container %s on %s: %w", id, n.Name(), err)
	}
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, fmt.Errorf("finding the network of container %s on %s: %w", id, n.Name(), err)
	}
	return &PodNetwork{namespace}, nil
}

// taskPID reads the list of tasks: a heading, then one line of id, process and status for each.
func taskPID(list, id string) (int, error) {
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != id {
			continue
		}
		if fields[2] != "RUNNING" {
			return 0, fmt.Errorf("it is %s", strings.ToLower(fields[2]))
		}
		return strconv.Atoi(fields[1])
	}
	return 0, fmt.Errorf("there is no such container")
}

// DialContext connects from the pod: with its address, and translated by the rules of its node. The address must be
// an IP and a port, since names would be looked up outside the cluster.
func (p *PodNetwork) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("dialling from a pod: %w", err)
	}
	var conn net.Conn
	err := netns.Do(fmt.Sprintf("/proc/self/fd/%d", p.namespace.Fd()), func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Close releases the network; connections made from it stay open.
func (p *PodNetwork) Close() error { return p.namespace.Close() }
