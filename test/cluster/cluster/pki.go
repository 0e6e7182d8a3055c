package cluster

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/pki"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/render"
)

// kubeconfigName is the file name of the administrator's kubeconfig.
const kubeconfigName = "kubeconfig"

// writeCredentials creates all keys, certificates and kubeconfigs of an instance. Every program has its own name; the
// names and groups are those that Kubernetes' built-in roles are bound to.
func writeCredentials(p plan.Plan) error {
	ca, err := pki.NewAuthority("lameduck-" + p.Name)
	if err != nil {
		return err
	}
	w := credentialWriter{p, ca}
	if err := w.authorities(); err != nil {
		return fmt.Errorf("writing the cluster's credentials: %w", err)
	}
	if err := w.controlPlane(); err != nil {
		return fmt.Errorf("writing the control plane's credentials: %w", err)
	}
	for n := 1; n <= p.Nodes; n++ {
		if err := w.node(render.Node{Plan: p, Number: n}); err != nil {
			return fmt.Errorf("writing the credentials of %s: %w", plan.NodeName(n), err)
		}
	}
	return nil
}

type credentialWriter struct {
	plan plan.Plan
	ca   *pki.Authority
}

func (w credentialWriter) authorities() error {
	key, err := w.ca.Key()
	if err != nil {
		return err
	}
	if err := (pki.Leaf{Certificate: w.ca.PEM, Key: key}).Write(w.plan.Path("pki/ca")); err != nil {
		return err
	}
	// Aggregated API servers must tell the front proxy from an ordinary client, so it has an authority of its own.
	frontProxy, err := pki.NewAuthority("lameduck-" + w.plan.Name + "-front-proxy")
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.plan.Path("pki/front-proxy-ca.crt"), frontProxy.PEM, 0o644); err != nil {
		return err
	}
	leaf, err := frontProxy.Issue(pki.Subject{CommonName: "front-proxy-client"})
	if err != nil {
		return err
	}
	if err := leaf.Write(w.plan.Path("pki/front-proxy-client")); err != nil {
		return err
	}
	private, public, err := pki.NewKeyPair()
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.plan.Path("pki/service-account.key"), private, 0o600); err != nil {
		return err
	}
	return os.WriteFile(w.plan.Path("pki/service-account.pub"), public, 0o644)
}

func (w credentialWriter) controlPlane() error {
	host := []netip.Addr{w.plan.HostAddr()}
	services := []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost",
	}
	leaves := map[string]pki.Subject{
		"etcd":               {CommonName: "etcd", Addresses: host},
		"apiserver":          {CommonName: "kube-apiserver", Hosts: services, Addresses: append(host, w.plan.APIServiceAddr())},
		"apiserver-etcd":     {CommonName: "kube-apiserver-etcd-client"},
		"apiserver-kubelet":  {CommonName: "kube-apiserver-kubelet-client", Organizations: []string{"system:masters"}},
		"controller-manager": {CommonName: "system:kube-controller-manager", Addresses: host},
		"scheduler":          {CommonName: "system:kube-scheduler", Addresses: host},
	}
	for name, subject := range leaves {
		if _, err := w.leaf(w.plan.Path("pki", name), subject); err != nil {
			return err
		}
	}
	clients := map[string]pki.Subject{
		"controller-manager.kubeconfig": {CommonName: "system:kube-controller-manager"},
		"scheduler.kubeconfig":          {CommonName: "system:kube-scheduler"},
		kubeconfigName:                  {CommonName: "admin", Organizations: []string{"system:masters"}},
	}
	for file, subject := range clients {
		leaf, err := w.ca.Issue(subject)
		if err != nil {
			return err
		}
		if err := w.kubeconfig(w.plan.Path(file), subject.CommonName, render.APIServerURL(w.plan), leaf); err != nil {
			return err
		}
	}
	return nil
}

func (w credentialWriter) node(n render.Node) error {
	user := "system:node:" + n.Name()
	// One certificate each, for server and client; kube-proxy's is valid for its relay's address too.
	kubelet, err := w.leaf(filepath.Join(n.Dir(), "pki/kubelet"), pki.Subject{
		CommonName: user, Organizations: []string{"system:nodes"}, Hosts: []string{n.Name()}, Addresses: []netip.Addr{n.Address()},
	})
	if err != nil {
		return err
	}
	if err := w.kubeconfig(filepath.Join(n.Dir(), "kubelet.kubeconfig"), user, render.APIServerURL(w.plan), kubelet); err != nil {
		return err
	}
	proxy, err := w.leaf(filepath.Join(n.Dir(), "pki/kube-proxy"), pki.Subject{
		CommonName: "system:kube-proxy", Addresses: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})},
	})
	if err != nil {
		return err
	}
	return w.kubeconfig(filepath.Join(n.Dir(), "kube-proxy.kubeconfig"), "system:kube-proxy", n.RelayURL(), proxy)
}

func (w credentialWriter) leaf(base string, subject pki.Subject) (pki.Leaf, error) {
	leaf, err := w.ca.Issue(subject)
	if err != nil {
		return leaf, err
	}
	return leaf, leaf.Write(base)
}

func (w credentialWriter) kubeconfig(file, user, server string, leaf pki.Leaf) error {
	text, err := render.Kubeconfig(w.plan.Name, user, server, w.ca.PEM, leaf)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
