package barrier

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestState tells of a node that falls silent by name, and of the others that they pass.
func TestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		nodes := []Node{w.addProxy(0, false), w.addProxy(1, false)}
		ctx, b := start(t, w, nodes)
		time.Sleep(10 * time.Second)
		services, states, problem := b.State()
		if len(services) != 2 || problem != nil || len(states) != 2 || !states[0].Passing || !states[1].Passing {
			t.Errorf("at rest: Services %q, %v, %+v", services, problem, states)
		}
		w.mu.Lock()
		w.proxies[nodes[1].Address].stalled = true
		w.mu.Unlock()
		b.Pass(ctx, Change{ResourceVersion: w.change("shop/a")})
		time.Sleep(time.Minute)
		_, states, _ = b.State()
		if !states[0].Passing || states[1].Passing || !states[1].Silent || !strings.Contains(states[1].Why, "no answer") {
			t.Errorf("with a dead node: %+v", states)
		}
	})
}

// TestRemovedServiceIsMadeAnew: before a pass finds it missing.
func TestRemovedServiceIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		_, b := start(t, w, []Node{w.addProxy(0, false)})
		time.Sleep(10 * time.Second)
		names := func() string {
			services, _, _ := b.State()
			return strings.Join(services, " ")
		}
		before := names()
		b.Removed("another")
		time.Sleep(10 * time.Second)
		if now := names(); now != before {
			t.Errorf("another's Service was removed, and %s became %s", before, now)
		}
		b.Removed(strings.Fields(before)[1])
		time.Sleep(10 * time.Second)
		now := names()
		if _, states, problem := b.State(); now == before || now == "" || problem != nil || !states[0].Passing {
			t.Errorf("its own was removed: from %s to %s, %v, %+v", before, now, problem, states)
		}
	})
}

// TestLeft: only who says that a node is off, or runs no kube-proxy, takes it out.
func TestLeft(t *testing.T) {
	tests := []struct {
		name   string
		change func(*corev1.Node)
		want   string
	}{
		{"Ready", func(*corev1.Node) {}, ""},
		{"not Ready", func(n *corev1.Node) { n.Status.Conditions = nil }, ""},
		{"unreachable", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnreachable}} }, ""},
		{"no kube-proxy", func(n *corev1.Node) { n.Labels[IgnoreLabel] = "true" }, "label " + IgnoreLabel},
		{"out of service", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeOutOfService}} }, "taint node.kubernetes.io/out-of-service"},
		{"shut down", func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/shutdown"}}
		}, "taint node.cloudprovider.kubernetes.io/shutdown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			node := nodeObject("a", "v1.34.0", corev1.ConditionTrue, "10.0.0.1")
			tt.change(node)
			if got := Left(node); got != tt.want || (len(Nodes([]*corev1.Node{node}, corev1.IPv4Protocol, "")) == 0) != (tt.want != "") {
				t.Errorf("left out because of %q, want %q", got, tt.want)
			}
		})
	}
}
