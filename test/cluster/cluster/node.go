package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/netns"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/proc"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/relay"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/render"
)

// Node is one node of a cluster.
type Node struct {
	cluster *Cluster
	render  render.Node

	Containerd *Process
	Kubelet    *Process
	KubeProxy  *Process
	Relay      *Process // between KubeProxy and the API server; its faults are Node's methods
}

func newNode(c *Cluster, r render.Node) *Node {
	set := proc.Set{Dir: c.plan.Dir}
	return &Node{
		cluster:    c,
		render:     r,
		Containerd: set.Process(r.Name() + "/containerd"),
		Kubelet:    set.Process(r.Name() + "/kubelet"),
		KubeProxy:  set.Process(r.Name() + "/kube-proxy"),
		Relay:      set.Process(r.Name() + "/relay"),
	}
}

// Name is the node's name in Kubernetes.
func (n *Node) Name() string { return n.render.Name() }

// Address is the node's InternalIP.
func (n *Node) Address() netip.Addr { return n.render.Address() }

// Do runs f on a thread in the node's network namespace: sockets that f itself opens are the node's. Goroutines
// that f starts run elsewhere.
func (n *Node) Do(f func() error) error { return netns.Do(n.render.Netns(), f) }

// Exec runs a program in the node's network namespace and returns its standard output. Its standard error is in the
// error.
func (n *Node) Exec(ctx context.Context, name string, args ...string) ([]byte, error) {
	return n.exec(ctx, "", name, args...)
}

func (n *Node) exec(ctx context.Context, stdin, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := n.Start(cmd); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return stdout.Bytes(), fmt.Errorf("%s on %s: %w: %s", name, n.Name(), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// Start starts cmd in the node's network namespace; the caller waits for it. It is killed when the cluster is stopped.
func (n *Node) Start(cmd *exec.Cmd) error {
	return startIn(n.cluster.plan.Dir, cmd, func() error { return n.Do(cmd.Start) }, "on "+n.Name())
}

// DialContext connects from the node: Services are translated by its rules. The address must be an IP and a port,
// since names would be looked up outside the cluster.
func (n *Node) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("dialling from %s: %w", n.Name(), err)
	}
	var conn net.Conn
	err := n.Do(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Cut separates the node from the API server, both ways: kubelet, kube-proxy and pods do not reach it, and it does not
// reach the kubelet. Open connections hang, as when a cable is pulled. Pods go on running.
func (n *Node) Cut(ctx context.Context) error {
	_, err := n.exec(ctx, n.render.CutRules(), "nft", "-f", "-")
	return err
}

// Mend undoes Cut.
func (n *Node) Mend(ctx context.Context) error {
	_, err := n.exec(ctx, n.render.MendRules(), "nft", "-f", "-")
	return err
}

// endpointSlices is the resource that the relay's faults apply to.
const endpointSlices = "endpointslices"

// DelayEndpointSlices delays the EndpointSlice events of this node's kube-proxy, and nothing else. 0 ends it.
func (n *Node) DelayEndpointSlices(ctx context.Context, by time.Duration) error {
	return n.relayClient().Delay(ctx, relay.Fault{Resource: endpointSlices, Delay: by})
}

// CutWatch ends the EndpointSlice watch of this node's kube-proxy, which then resumes where it was.
func (n *Node) CutWatch(ctx context.Context) error {
	return n.relayClient().Cut(ctx, endpointSlices)
}

// Relist ends the EndpointSlice watch of this node's kube-proxy and answers its next one with 410 Gone, so that it
// lists all slices again.
func (n *Node) Relist(ctx context.Context) error {
	return n.relayClient().Relist(ctx, endpointSlices)
}

// NextAddress makes the next pod on the node get that address, if it is free. By default each gets the one after the
// last.
func (n *Node) NextAddress(address netip.Addr) error {
	return os.WriteFile(n.render.LastAddress(), []byte(address.Prev().String()), 0o644)
}

func (n *Node) relayClient() relay.Client { return relay.Client{Socket: n.render.RelaySocket()} }

func (n *Node) load(ctx context.Context, archive string) error {
	cmd := exec.CommandContext(ctx, "ctr", "--address", n.render.ContainerdSocket(), "--namespace", "k8s.io",
		"images", "import", archive)
	if _, err := cmd.Output(); err != nil {
		return commandError(fmt.Sprintf("loading %s on %s", filepath.Base(archive), n.Name()), err)
	}
	return nil
}
