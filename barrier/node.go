package barrier

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// IgnoreLabel on a node, with the value "true", takes it out of the barrier: for nodes that
// run no kube-proxy and send no Service traffic of their own.
const IgnoreLabel = "lameduck.dev/no-kube-proxy"

// ProxyLabel on a node names what implements Services there, where the cluster's configuration of kube-proxy
// does not say it: "ipvs", for instance, whose acknowledgement is proof of nothing; or "kube-proxy" for one in
// nftables or iptables mode.
const ProxyLabel = "lameduck.dev/proxy"

// unprovedAt says why a node's answer would be no proof; empty if it is one. Windows' kube-proxy and
// IPVS mode log what they failed to program, and acknowledge it all the same. Without a label, what the
// cluster's configuration says of all nodes applies.
func unprovedAt(node *corev1.Node, ofAll string) string {
	proxy := node.Labels[ProxyLabel]
	switch {
	case proxy != "" && proxy != "kube-proxy":
		return fmt.Sprintf("label %s=%s: what that proxy acknowledges is no proof", ProxyLabel, proxy)
	case node.Labels[corev1.LabelOSStable] == "windows" || node.Status.NodeInfo.OperatingSystem == "windows":
		return "it runs Windows: what its kube-proxy acknowledges is no proof"
	case proxy == "":
		return ofAll
	}
	return ""
}

// down are taints by which a person, or the cloud's controller, declares that a node is switched
// off: nothing on it sends to anybody. A node that is only not Ready may still send.
var down = []string{corev1.TaintNodeOutOfService, "node.cloudprovider.kubernetes.io/shutdown"}

// Left reports why a node is left out of the barrier; empty if it is not.
func Left(node *corev1.Node) string {
	if node.Labels[IgnoreLabel] == "true" {
		return "label " + IgnoreLabel
	}
	for _, taint := range node.Spec.Taints {
		if slices.Contains(down, taint.Key) {
			return "taint " + taint.Key
		}
	}
	return ""
}

// Node is what the barrier needs to know about a node.
type Node struct {
	Name    string
	Address netip.Addr // where it is asked; the zero value: nowhere, it can't pass
	Ready   bool
	// Unproved is why what its proxy acknowledges is no proof, if so: it is not asked, and can't pass.
	Unproved string
	// Unordered: its kube-proxy may take in the objects of a relist in another order than
	// that of their keys, so that only a second write proves anything.
	Unordered bool
}

// Nodes reads the barrier's members from Node objects, for one address family. A node is
// asked at its InternalIP of the family. Where several nodes claim the same
// address, only the one that is Ready is asked there: the answer does not name the node. unproved is why
// the answer of a node that no label tells apart would be no proof; empty if it is one.
func Nodes(objects []*corev1.Node, family corev1.IPFamily, unproved string) []Node {
	var nodes []Node
	claims := map[netip.Addr][]int{}
	for _, object := range objects {
		if Left(object) != "" {
			continue
		}
		node := Node{
			Name:      object.Name,
			Address:   internalIP(object, family),
			Ready:     ready(object),
			Unproved:  unprovedAt(object, unproved),
			Unordered: unordered(object.Status.NodeInfo.KubeletVersion),
		}
		if node.Unproved != "" {
			node.Address = netip.Addr{}
		}
		if node.Address.IsValid() {
			claims[node.Address] = append(claims[node.Address], len(nodes))
		}
		nodes = append(nodes, node)
	}
	for _, claimants := range claims {
		notReady := func(i int) bool { return !nodes[i].Ready }
		if len(claimants) == 1 {
			continue
		}
		if owners := slices.DeleteFunc(slices.Clone(claimants), notReady); len(owners) == 1 {
			claimants = slices.DeleteFunc(claimants, func(i int) bool { return i == owners[0] })
		}
		for _, i := range claimants {
			nodes[i].Address = netip.Addr{}
		}
	}
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}

func internalIP(object *corev1.Node, family corev1.IPFamily) netip.Addr {
	for _, address := range object.Status.Addresses {
		if address.Type != corev1.NodeInternalIP {
			continue
		}
		if ip, err := netip.ParseAddr(address.Address); err == nil && ip.Unmap().Is6() == (family == corev1.IPv6Protocol) {
			return ip.Unmap()
		}
	}
	return netip.Addr{}
}

func ready(object *corev1.Node) bool {
	for _, condition := range object.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// unordered reports whether a kube-proxy of the kubelet's version may hand on a relist in an
// order of its own. Up to 1.32 client-go queues by key, so that a slice already waiting in
// the queue keeps its place (InOrderInformers is on since 1.33); from 1.35 on the list comes
// as a stream that is collected in a map (WatchListClient). An unknown version counts as such.
func unordered(kubelet string) bool {
	v, err := version.ParseGeneric(kubelet)
	return err != nil || v.LessThan(version.MustParseGeneric("1.33.0")) || v.AtLeast(version.MustParseGeneric("1.35.0"))
}
