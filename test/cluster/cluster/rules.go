package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/render"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/rules"
)

// Rules is the node's own description of what kube-proxy has programmed: the table kube-proxy as nft lists it, or
// the table nat as iptables-save prints it. It is empty before kube-proxy's first sync.
func (n *Node) Rules(ctx context.Context) ([]byte, error) {
	save := "iptables-save"
	if n.render.Plan.IPv6 {
		save = "ip6tables-save"
	}
	if n.cluster.Proxy() == IPTables {
		return n.Exec(ctx, save, "-t", "nat")
	}
	dump, err := n.Exec(ctx, "nft", "list", "table", render.Family(n.render.Plan), "kube-proxy")
	if err != nil && bytes.Contains([]byte(err.Error()), []byte("No such file or directory")) {
		return nil, nil
	}
	return dump, err
}

// Targets are the addresses, of pods and others, that the node's rules send new connections to: those of every rule
// that translates a destination and that a packet can still reach. Open connections do not matter.
func (n *Node) Targets(ctx context.Context) (map[netip.Addr]bool, error) {
	dump, err := n.Rules(ctx)
	if err != nil {
		return nil, err
	}
	parse := rules.ParseNFTables
	if n.cluster.Proxy() == IPTables {
		parse = rules.ParseIPTables
	}
	graph, err := parse(dump)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name(), err)
	}
	return graph.Targets(), nil
}

// RoutesTo reports whether the node's rules still send new connections to the pod's address.
func (c *Cluster) RoutesTo(ctx context.Context, node string, pod netip.Addr) (bool, error) {
	n, err := c.Node(node)
	if err != nil {
		return false, err
	}
	targets, err := n.Targets(ctx)
	return targets[pod], err
}
