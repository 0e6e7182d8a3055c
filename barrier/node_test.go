package barrier

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func nodeObject(name, kubelet string, ready corev1.ConditionStatus, addresses ...string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	node.Status.NodeInfo.KubeletVersion = kubelet
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: name}}
	for _, address := range addresses {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: address})
	}
	return node
}

func TestNodes(t *testing.T) {
	ignored := nodeObject("virtual", "v1.34.0", corev1.ConditionTrue, "10.0.0.9")
	ignored.Labels[IgnoreLabel] = "true"
	windows := nodeObject("h-windows", "v1.34.0", corev1.ConditionTrue, "10.0.0.7")
	windows.Labels[corev1.LabelOSStable] = "windows"
	ipvs := nodeObject("i-ipvs", "v1.34.0", corev1.ConditionTrue, "10.0.0.8")
	ipvs.Labels[ProxyLabel] = "ipvs"
	objects := []*corev1.Node{
		ignored, windows, ipvs,
		nodeObject("b-dual", "v1.34.4", corev1.ConditionTrue, "10.0.0.2", "fd00::2"),
		nodeObject("a-old", "v1.32.9", corev1.ConditionFalse, "10.0.0.1"),
		nodeObject("c-new", "v1.35.0-rc.1", corev1.ConditionTrue, "10.0.0.3"),
		nodeObject("d-strange", "custom", corev1.ConditionUnknown, "not an address"),
		nodeObject("e-replaced", "v1.33.1", corev1.ConditionUnknown, "10.0.0.5"),
		nodeObject("e-successor", "v1.33.1", corev1.ConditionTrue, "10.0.0.5"),
		nodeObject("f-twin", "v1.34.0", corev1.ConditionTrue, "10.0.0.6"),
		nodeObject("g-twin", "v1.34.0", corev1.ConditionTrue, "10.0.0.6"),
	}
	ip := func(s string) netip.Addr {
		if s == "" {
			return netip.Addr{}
		}
		return netip.MustParseAddr(s)
	}
	want := func(dual string) []Node {
		nodes := []Node{
			{Name: "a-old", Address: ip("10.0.0.1"), Unordered: true},
			{Name: "b-dual", Address: ip(dual), Ready: true},
			{Name: "c-new", Address: ip("10.0.0.3"), Ready: true, Unordered: true},
			{Name: "d-strange", Unordered: true},
			{Name: "e-replaced"},
			{Name: "e-successor", Address: ip("10.0.0.5"), Ready: true},
			{Name: "f-twin", Ready: true},
			{Name: "g-twin", Ready: true},
			{Name: "h-windows", Ready: true, Unproved: "it runs Windows: what its kube-proxy acknowledges is no proof"},
			{Name: "i-ipvs", Ready: true, Unproved: "label lameduck.dev/proxy=ipvs: what that proxy acknowledges is no proof"},
		}
		for i := range nodes { // no node is asked at an address of the other family
			if nodes[i].Address.Is4() && ip(dual).Is6() {
				nodes[i].Address = netip.Addr{}
			}
		}
		return nodes
	}
	same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(want("10.0.0.2"), Nodes(objects, corev1.IPv4Protocol, ""), same); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want("fd00::2"), Nodes(objects, corev1.IPv6Protocol, ""), same); diff != "" {
		t.Error(diff)
	}
}

// TestNodesOfAMode: what the configuration says of all kube-proxies goes for the nodes whose labels say nothing.
func TestNodesOfAMode(t *testing.T) {
	labelled := func(name, proxy string) *corev1.Node {
		node := nodeObject(name, "v1.34.0", corev1.ConditionTrue, "10.0.0."+name)
		if proxy != "" {
			node.Labels[ProxyLabel] = proxy
		}
		return node
	}
	got := Nodes([]*corev1.Node{labelled("1", ""), labelled("2", "kube-proxy"), labelled("3", "cilium")}, corev1.IPv4Protocol, "it is IPVS")
	for i, why := range []string{"it is IPVS", "", "label lameduck.dev/proxy=cilium: what that proxy acknowledges is no proof"} {
		if got[i].Unproved != why || got[i].Address.IsValid() != (why == "") {
			t.Errorf("%+v, want %q", got[i], why)
		}
	}
}

func TestLate(t *testing.T) {
	for namespace, want := range map[string]bool{"default": false, "zzzz": true, "zzzz-lameduc": false, "zzzz-lameduck-2": false, "zzzz-lameduck0": true, "zzzzz": true} {
		if got := Late("zzzz-lameduck", namespace); got != want {
			t.Errorf("Late(%q) = %v", namespace, got)
		}
	}
}
