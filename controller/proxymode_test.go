package controller

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/lameduck-dev/lameduck/barrier"
)

const proxyConfiguration = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"

func TestReadProxyMode(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       ProxyMode
		unproved   string
	}{
		{"as kubeadm writes it", proxyConfiguration + "clusterCIDR: 10.244.0.0/16\nmode: \"\"\nnftables: {masqueradeAll: false}\n", ProxyMode{Known: true}, ""},
		{"none", proxyConfiguration, ProxyMode{Known: true}, ""},
		{"iptables", proxyConfiguration + "mode: iptables", ProxyMode{Known: true, Mode: "iptables"}, ""},
		{"nftables", proxyConfiguration + "mode: nftables", ProxyMode{Known: true, Mode: "nftables"}, ""},
		{"ipvs", proxyConfiguration + "mode: ipvs", ProxyMode{Known: true, Mode: "ipvs"}, `mode "ipvs" by ConfigMap kube-system/kube-proxy: what that kube-proxy acknowledges is no proof`},
		{"JSON", `{"kind": "KubeProxyConfiguration", "mode": "ipvs"}`, ProxyMode{Known: true, Mode: "ipvs"}, `mode "ipvs"`},
		{"of tomorrow", proxyConfiguration + "mode: ebpf", ProxyMode{Known: true, Mode: "ebpf"}, `mode "ebpf"`},
		{"for terminals", proxyConfiguration + `mode: "\e[2J"`, ProxyMode{Known: true, Mode: "\x1b[2J"}, `mode "\x1b[2J"`},
		{"another kind", "kind: KubeletConfiguration\nmode: ipvs", ProxyMode{Why: `config.conf has kind "KubeletConfiguration", not KubeProxyConfiguration`}, ""},
		{"no YAML", "mode: [", ProxyMode{Why: "config.conf: "}, ""},
		{"no text", proxyConfiguration + "mode: [ipvs]", ProxyMode{Why: "config.conf: "}, ""},
		{"too large", proxyConfiguration + strings.Repeat("#", maxProxyConfig), ProxyMode{Why: "config.conf has 65610 bytes, at most 65536 are read"}, ""},
		{"aliases without end", "a: &a [x,x,x,x,x,x,x,x,x]\n" + aliases("abcdefghij"), ProxyMode{Why: "config.conf: "}, ""},
	} {
		got := readProxyMode(tt.text)
		if got.Known != tt.want.Known || got.Mode != tt.want.Mode || !strings.HasPrefix(got.Why, tt.want.Why) || (got.Why == "") != tt.want.Known {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
		if why := got.Unproved(); !strings.HasPrefix(why, tt.unproved) || (why == "") != (tt.unproved == "") {
			t.Errorf("%s: %q, want %q", tt.name, why, tt.unproved)
		}
	}
}

// aliases has each list hold nine of the one before.
func aliases(names string) string {
	var text strings.Builder
	for i := 1; i < len(names); i++ {
		of := "*" + names[i-1:i]
		text.WriteString(names[i:i+1] + ": &" + names[i:i+1] + " [" + strings.Repeat(of+",", 8) + of + "]\n")
	}
	return text.String()
}

// TestProxyModeOfTheCluster: a cluster whose kube-proxies run in IPVS mode is not confirmed by them, though
// nobody labelled a node; and what its configuration says is read again.
func TestProxyModeOfTheCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-proxy"}, Data: map[string]string{"config.conf": proxyConfiguration + "mode: ipvs"}}
		client := fake.NewClientset(config)
		var refused atomic.Pointer[error]
		refuse := func(err error) { refused.Store(&err) }
		client.PrependReactor("get", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) {
			if err := refused.Load(); err != nil && *err != nil {
				return true, nil, *err
			}
			return false, nil, nil
		})
		l := at(client, "10.1.0.1")
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node1"}}
		node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}}
		l.nodes.set(node)
		b := l.startBarriers(t.Context())
		asked := func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.members(corev1.IPv4Protocol)[0].Address.IsValid()
		}
		if got := b.proxyMode(); got.Mode != "ipvs" || asked() {
			t.Errorf("at the start: %+v, asked %t", got, asked())
		}
		go b.followProxyMode(t.Context())
		for _, step := range []struct {
			name     string
			change   func()
			want     ProxyMode
			provable bool
		}{
			{"unreadable for a while", func() { refuse(errors.New("timeout")) }, ProxyMode{Known: true, Mode: "ipvs", Why: "reading it: timeout"}, false},
			{"changed", func() {
				refuse(nil)
				config.Data["config.conf"] = proxyConfiguration + "mode: nftables"
				put(t, client, config)
			}, ProxyMode{Known: true, Mode: "nftables"}, true},
			{"and back", func() {
				config.Data["config.conf"] = proxyConfiguration + "mode: ipvs"
				put(t, client, config)
			}, ProxyMode{Known: true, Mode: "ipvs"}, false},
			{"labelled", func() {
				labelled := node.DeepCopy()
				labelled.Labels = map[string]string{barrier.ProxyLabel: "kube-proxy"}
				l.nodes.set(labelled)
			}, ProxyMode{Known: true, Mode: "ipvs"}, true},
			{"not labelled any more", func() { l.nodes.set(node) }, ProxyMode{Known: true, Mode: "ipvs"}, false},
			{"without its key", func() { config.Data = nil; put(t, client, config) }, ProxyMode{Why: "it has no config.conf"}, true},
			{"gone", func() { refuse(apierrors.NewNotFound(corev1.Resource("configmaps"), "kube-proxy")) }, ProxyMode{Why: "there is no such ConfigMap"}, true},
			{"forbidden", func() { refuse(apierrors.NewForbidden(corev1.Resource("configmaps"), "kube-proxy", nil)) }, ProxyMode{Why: `reading it: configmaps "kube-proxy" is forbidden: <nil>`}, true},
		} {
			step.change()
			time.Sleep(proxyModeEvery)
			synctest.Wait()
			if got := b.proxyMode(); got != step.want || asked() != step.provable {
				t.Errorf("%s: %+v, asked %t; want %+v, %t", step.name, got, asked(), step.want, step.provable)
			}
		}
	})
}

func put(t *testing.T, client *fake.Clientset, config *corev1.ConfigMap) {
	t.Helper()
	if _, err := client.CoreV1().ConfigMaps(config.Namespace).Update(t.Context(), config.DeepCopy(), metav1.UpdateOptions{}); err != nil {
		t.Error(err)
	}
}

// The cluster runs IPVS; the first reading fails as the leader begins.
func TestFirstReadingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-proxy"}, Data: map[string]string{"config.conf": proxyConfiguration + "mode: ipvs"}}
		client := fake.NewClientset(config)
		client.PrependReactor("get", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) {
			return true, nil, context.DeadlineExceeded
		})
		l := at(client, "10.1.0.1")
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node1"}}
		node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}}
		l.nodes.set(node)
		b := l.startBarriers(t.Context())
		b.mu.Lock()
		defer b.mu.Unlock()
		if m := b.members(corev1.IPv4Protocol)[0]; m.Unproved == "" {
			t.Errorf("a node of a cluster whose mode nobody could read is asked, and confirms: %+v, %+v", m, b.proxy)
		}
	})
}
