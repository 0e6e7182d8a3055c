package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// ProxyConfig names where kubeadm, and what goes by it, keeps the configuration of all kube-proxies.
const (
	ProxyConfig      = "kube-system/kube-proxy" // a ConfigMap
	proxyNamespace   = "kube-system"
	proxyConfigMap   = "kube-proxy"
	proxyKey         = "config.conf"
	maxProxyConfig   = 64 << 10 // bytes; kubeadm's has 2 KiB
	proxyModeEvery   = 30 * time.Second
	proxyModeAgain   = time.Second // until it was read once
	proxyModeTimeout = 2 * time.Second
)

// proved are the modes whose acknowledgement the barrier goes by; the empty one is kube-proxy's default.
var proved = []string{"", "iptables", "nftables"}

// ProxyMode is how kube-proxy implements Services by ProxyConfig.
type ProxyMode struct {
	Known bool   `json:"known"`
	Mode  string `json:"mode,omitempty"` // if Known; empty is kube-proxy's default
	Why   string `json:"why,omitempty"`  // why it is not known, or what is known could not be read again

	unread bool // no reading has ended yet
}

// Unproved is why nothing is proved by what a kube-proxy of this mode acknowledges; empty if it is. A mode that
// is not known counts as proved: other ways to install kube-proxy are common, and IPVS is not.
func (m ProxyMode) Unproved() string {
	if m.unread {
		return "kube-proxy's mode was not read yet, " + m.Why
	}
	if !m.Known || slices.Contains(proved, m.Mode) {
		return ""
	}
	return fmt.Sprintf("mode %.40q by ConfigMap %s: what that kube-proxy acknowledges is no proof", m.Mode, ProxyConfig)
}

// proxyMode reads the mode from ProxyConfig. Its error is what is wrong with the call, not with what it found.
func (l *leader) proxyMode(ctx context.Context) (ProxyMode, error) {
	ctx, cancel := context.WithTimeout(ctx, proxyModeTimeout)
	defer cancel()
	found, err := l.clientset.CoreV1().ConfigMaps(proxyNamespace).Get(ctx, proxyConfigMap, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return ProxyMode{Why: "there is no such ConfigMap"}, nil
	case err != nil:
		return ProxyMode{}, err
	}
	text, there := found.Data[proxyKey]
	if !there {
		return ProxyMode{Why: "it has no " + proxyKey}, nil
	}
	return readProxyMode(text), nil
}

// readProxyMode reads a KubeProxyConfiguration.
func readProxyMode(text string) ProxyMode {
	if len(text) > maxProxyConfig {
		return ProxyMode{Why: fmt.Sprintf("%s has %d bytes, at most %d are read", proxyKey, len(text), maxProxyConfig)}
	}
	var config struct {
		Kind string `json:"kind"`
		Mode string `json:"mode"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		return ProxyMode{Why: fmt.Sprintf("%s: %.200s", proxyKey, err)}
	}
	if config.Kind != "KubeProxyConfiguration" {
		return ProxyMode{Why: fmt.Sprintf("%s has kind %.40q, not KubeProxyConfiguration", proxyKey, config.Kind)}
	}
	return ProxyMode{Known: true, Mode: config.Mode}
}

// followProxyMode keeps the mode up to date until ctx is done. kube-proxy begins anew when its configuration
// changes, some time after the ConfigMap did.
func (b *barriers) followProxyMode(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(b.proxyMode().next()):
		}
		b.learnProxyMode(ctx)
	}
}

// next is how long the mode counts before it is read again.
func (m ProxyMode) next() time.Duration {
	if m.unread {
		return proxyModeAgain
	}
	return proxyModeEvery
}

// learnProxyMode reads the mode. What was known stays while it can't be read.
func (b *barriers) learnProxyMode(ctx context.Context) {
	mode, err := b.leader.proxyMode(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		mode = b.proxy
		mode.Why = fmt.Sprintf("reading it: %.200s", err)
		mode.unread = mode.unread && !apierrors.IsForbidden(err)
	}
	if mode != b.proxy {
		b.leader.options.Log.Info("barrier: kube-proxy's mode", "configmap", ProxyConfig, "known", mode.Known, "mode", mode.Mode, "why", mode.Why)
	}
	changed := mode.Unproved() != b.proxy.Unproved()
	b.proxy = mode
	if changed {
		b.tellNodes()
	}
}

func (b *barriers) proxyMode() ProxyMode {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.proxy
}
