// Package cluster runs a real Kubernetes on one Linux machine: its own control plane, and nodes that are network
// namespaces, each with its own containerd, kubelet and kube-proxy. Nothing is pulled: Kubernetes is built from Go
// modules, images are built by package image. Faults are methods of the parts that they break.
//
// All calls need root, except those that only look at an instance.
package cluster

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
)

const (
	// DefaultName is the instance that the command means unless given another.
	DefaultName = "lameduck"
	// DefaultNodes is enough for a client, a stalled node and a healthy one.
	DefaultNodes = 3
	// NFTables is the proxy mode that Kubernetes now recommends.
	NFTables = "nftables"
	// IPTables is the proxy mode that most clusters have.
	IPTables = "iptables"

	// base holds a folder for each instance. It lies under /var/lib, not /run, because /run is often mounted noexec
	// and pods run programs from their volumes.
	base = "/var/lib/lameduck"
)

// ErrNotUp means that there is no instance of that name.
var ErrNotUp = plan.ErrNotUp

// Options say what to start. The zero value is a cluster of three nodes in nftables mode with DNS.
type Options struct {
	Name     string    // of the instance; default DefaultName
	Nodes    int       // default DefaultNodes
	Proxy    string    // NFTables or IPTables; default NFTables
	IPv6     bool      // all addresses are IPv6; default IPv4
	NoDNS    bool      // leave CoreDNS out
	Progress io.Writer // gets a line for each step; default none
}

func (o Options) plan() plan.Plan {
	return plan.Plan{
		Name:  cmp.Or(o.Name, DefaultName),
		Nodes: cmp.Or(o.Nodes, DefaultNodes),
		Proxy: cmp.Or(o.Proxy, NFTables),
		IPv6:  o.IPv6,
		DNS:   !o.NoDNS,
	}
}

// progress prints lines with the time since it was made.
type progress struct {
	to    io.Writer
	start time.Time
}

func newProgress(to io.Writer) progress {
	if to == nil {
		to = io.Discard
	}
	return progress{to, time.Now()}
}

func (p progress) say(format string, args ...any) {
	fmt.Fprintf(p.to, "[%5.1fs] %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}
