// Package render renders the configuration of every program of a cluster. It is pure: the same plan gives the same
// text, which golden files check.
package render

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"net/netip"
	"path/filepath"
	"text/template"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/pki"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
)

const (
	// PauseImage holds every pod's namespaces; it is built here, since there is no registry to pull it from.
	PauseImage = "registry.local/pause:1"
	// CNIPlugins is where Debian's package containernetworking-plugins puts them.
	CNIPlugins = "/usr/lib/cni"
)

//go:embed templates
var files embed.FS

var templates = template.Must(template.New("").Option("missingkey=error").ParseFS(files, "templates/*"))

// Node is one node as its configuration files need it.
type Node struct {
	Plan   plan.Plan
	Number int // from 1
}

// Name is the node's name in Kubernetes.
func (n Node) Name() string { return plan.NodeName(n.Number) }

// Dir is the node's directory.
func (n Node) Dir() string { return n.Plan.NodeDir(n.Number) }

// Address is the node's InternalIP.
func (n Node) Address() netip.Addr { return n.Plan.NodeAddr(n.Number) }

// MetricsAddress is where kube-proxy serves its metrics.
func (n Node) MetricsAddress() netip.AddrPort { return netip.AddrPortFrom(n.Plan.AllAddrs(), 10249) }

// PodCIDR is where the node's pods get their addresses.
func (n Node) PodCIDR() netip.Prefix { return n.Plan.PodCIDR(n.Number) }

// LastAddress is the file in which the IPAM plugin host-local remembers the last address that it gave out.
func (n Node) LastAddress() string {
	return filepath.Join(n.Dir(), "ipam", n.Plan.Network(), "last_reserved_ip.0")
}

// Netns is the file that pins the node's network namespace.
func (n Node) Netns() string { return filepath.Join(n.Dir(), "netns") }

// ContainerdSocket is where the node's container runtime listens.
func (n Node) ContainerdSocket() string { return filepath.Join(n.Dir(), "containerd.sock") }

// RelaySocket is where the node's relay takes orders.
func (n Node) RelaySocket() string { return filepath.Join(n.Dir(), "relay.sock") }

// CNIPlugins is the folder of the CNI plugins.
func (n Node) CNIPlugins() string { return CNIPlugins }

// PauseImage is the image of every pod's first process.
func (n Node) PauseImage() string { return PauseImage }

// Files are the node's configuration files by their path below its directory.
func (n Node) Files() (map[string][]byte, error) {
	rendered := map[string][]byte{}
	for path, name := range map[string]string{
		"containerd.toml":        "containerd.toml",
		"cni/10-bridge.conflist": "cni.conflist",
		"kubelet.yaml":           "kubelet.yaml",
		"kube-proxy.yaml":        "kube-proxy.yaml",
	} {
		text, err := execute(name, n)
		if err != nil {
			return nil, err
		}
		rendered[path] = text
	}
	return rendered, nil
}

// CoreDNS is the manifest of the cluster's DNS.
func CoreDNS(p plan.Plan) ([]byte, error) {
	return execute("coredns.yaml", struct {
		Plan       plan.Plan
		Replicas   int
		PauseImage string
	}{p, min(2, p.Nodes), PauseImage})
}

// Kubeconfig gives user, whom the leaf names, access to the cluster at server.
func Kubeconfig(cluster, user, server string, ca []byte, leaf pki.Leaf) ([]byte, error) {
	encode := base64.StdEncoding.EncodeToString
	return execute("kubeconfig.yaml", map[string]string{
		"Cluster":     cluster,
		"User":        user,
		"Server":      server,
		"CA":          encode(ca),
		"Certificate": encode(leaf.Certificate),
		"Key":         encode(leaf.Key),
	})
}

func execute(name string, data any) ([]byte, error) {
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, name, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return text.Bytes(), nil
}
