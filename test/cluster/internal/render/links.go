package render

import (
	"fmt"
	"strings"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
)

// Switch is the file that pins the network namespace of the switch: a bridge that joins the nodes and the host. It
// is not in the host's own namespace, so that the host's firewall, above all Docker's, does not filter between nodes.
func Switch(p plan.Plan) string { return p.Path("switch") }

// HostLinks is the host's `ip -batch` script: a link to the switch, and over it the route to each node's pods, so that
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

// atOnce makes an IPv6 address usable without duplicate address detection: nobody else has it.
func atOnce(p plan.Plan) string {
	if p.IPv6 {
		return " nodad"
	}
	return ""
}

// Family is what ip and nft call the instance's address family.
func Family(p plan.Plan) string {
	if p.IPv6 {
		return "ip6"
	}
	return "ip"
}

// SwitchLinks is the switch's `ip -batch` script: the bridge, and a link into each node's namespace.
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

// OutsideNetns is the file that pins the network namespace of the machine beside the nodes.
func OutsideNetns(p plan.Plan) string { return p.Path("outside-netns") }

// OutsideSwitchLink is the switch's `ip -batch` script for the machine beside the nodes.
func OutsideSwitchLink(p plan.Plan) string {
	return fmt.Sprintf("link add outside type veth peer name eth0 netns %s\nlink set outside master bridge up\n", OutsideNetns(p))
}

// OutsideInnerLink is that machine's own script: its address, and the routes to all pods.
func OutsideInnerLink(p plan.Plan) string {
	var script strings.Builder
	fmt.Fprintf(&script, "link set lo up\naddress add %s/%d dev eth0%s\nlink set eth0 up\n", p.OutsideAddr(), p.NodeNet().Bits(), atOnce(p))
	for n := 1; n <= p.Nodes; n++ {
		fmt.Fprintf(&script, "route add %s via %s\n", p.PodCIDR(n), p.NodeAddr(n))
	}
	return script.String()
}

// InnerLink is the node's own `ip -batch` script: its address, and the routes to the pods of all other nodes.
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

// CutRules is the nft script that cuts the node off from the API server, open connections included.
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

// CutTable is the nft table that cuts the node off from the API server.
const CutTable = "lameduck-cut"

// MendRules is the nft script that undoes CutRules; it may be run on a node that is not cut.
func (n Node) MendRules() string {
	return fmt.Sprintf("table %[2]s %[1]s\ndelete table %[2]s %[1]s\n", CutTable, Family(n.Plan))
}
