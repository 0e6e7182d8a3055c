package render

import (
	"fmt"
	"strings"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
)

// Switch is the file that pins the network namespace of the switch: a bridge that joins the nodes and the host. It
// is not in the host's own namespace, so that the host's firewall, Docker's above all, has no say between nodes.
func Switch(p plan.Plan) string { return p.Path("switch") }

// HostLinks is the host's `ip -batch` script: a cable to the switch, and by it the way to each node's pods, so that
// the API server reaches webhooks.
func HostLinks(p plan.Plan) string {
	var script strings.Builder
	fmt.Fprintf(&script, "link add %s type veth peer name host netns %s\n", p.Uplink(), Switch(p))
	fmt.Fprintf(&script, "address add %s/%d dev %s%s\n", p.HostAddr(), p.NodeNet().Bits(), p.Uplink(), atOnce(p))
	fmt.Fprintf(&script, "link set %s up\n", p.Uplink())
	for n := 1; n <= p.Nodes; n++ {
		fmt.Fprintf(&script, "route add %s via %s\n", p.PodCIDR(n), p.NodeAddr(n))
	}
	return script.String()
}

// atOnce has an address of IPv6 hold before it is known that nobody else has it: nobody does.
func atOnce(p plan.Plan) string {
	if p.IPv6 {
		return " nodad"
	}
	return ""
}

// Family is what ip and nft call the instance's family of addresses.
func Family(p plan.Plan) string {
	if p.IPv6 {
		return "ip6"
	}
	return "ip"
}

// SwitchLinks is the switch's `ip -batch` script: the bridge, and a cable into each node's namespace.
func SwitchLinks(p plan.Plan) string {
	var script strings.Builder
	fmt.Fprintf(&script, "link add bridge type bridge\nlink set bridge up\nlink set host master bridge up\n")
	for n := 1; n <= p.Nodes; n++ {
		node := Node{Plan: p, Number: n}
		fmt.Fprintf(&script, "link add %s type veth peer name eth0 netns %s\n", node.Name(), node.Netns())
		fmt.Fprintf(&script, "link set %s master bridge up\n", node.Name())
	}
	return script.String()
}

// InnerLink is the node's own `ip -batch` script: its address, and the way to the pods of every other node.
func (n Node) InnerLink() string {
	var script strings.Builder
	fmt.Fprintf(&script, "link set lo up\n")
	fmt.Fprintf(&script, "address add %s/%d dev eth0%s\n", n.Address(), n.Plan.NodeNet().Bits(), atOnce(n.Plan))
	fmt.Fprintf(&script, "link set eth0 up\n")
	fmt.Fprintf(&script, "route add default via %s\n", n.Plan.HostAddr())
	for other := 1; other <= n.Plan.Nodes; other++ {
		if other != n.Number {
			fmt.Fprintf(&script, "route add %s via %s\n", n.Plan.PodCIDR(other), n.Plan.NodeAddr(other))
		}
	}
	return script.String()
}

// CutRules is the nft script that parts the node from the API server, connections that stand included.
func (n Node) CutRules() string {
	host := n.Plan.HostAddr()
	return fmt.Sprintf(`table %[4]s %[1]s
delete table %[4]s %[1]s
table %[4]s %[1]s {
	chain out {
		type filter hook output priority -200; policy accept;
		%[4]s daddr %[2]s tcp dport %[3]d drop
		%[4]s daddr %[2]s tcp sport 10250 drop
	}
	chain forward {
		type filter hook forward priority -200; policy accept;
		%[4]s daddr %[2]s tcp dport %[3]d drop
		%[4]s saddr %[2]s tcp sport %[3]d drop
	}
	chain in {
		type filter hook input priority -200; policy accept;
		%[4]s saddr %[2]s tcp sport %[3]d drop
		%[4]s saddr %[2]s tcp dport 10250 drop
	}
}
`, CutTable, host, plan.APIServerPort, Family(n.Plan))
}

// CutTable is the node's nft table that parts it from the API server.
const CutTable = "lameduck-cut"

// MendRules is the nft script that undoes CutRules; it may be run on a node that is not cut.
func (n Node) MendRules() string {
	return fmt.Sprintf("table %[2]s %[1]s\ndelete table %[2]s %[1]s\n", CutTable, Family(n.Plan))
}
