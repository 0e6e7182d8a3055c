package cluster

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
)

func TestParseRoutes(t *testing.T) {
	const header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
	for _, test := range []struct {
		name, table string
		want        []netip.Prefix
	}{
		{"none", header, nil},
		{"default and wide routes are left out", header +
			"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
			"tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n", nil},
		{"others", header +
			"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
			"br0\t00001EAC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n",
			[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("172.30.0.0/16")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseRoutes(test.table)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, table := range []string{header + "eth0 00", header + "eth0\tx\t0\t0\t0\t0\t0\tx\t0\t0\t0\n"} {
		if _, err := parseRoutes(table); err == nil {
			t.Errorf("%q passes", table)
		}
	}
}

func TestWithoutLoopback(t *testing.T) {
	const given = "# generated\nsearch example.com\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1\noptions edns0\nnameserver\n"
	if got := withoutLoopback(given); got != "nameserver 192.0.2.1\n" {
		t.Errorf("got %q", got)
	}
}

// Every program must have its own name: Kubernetes' built-in roles are bound to these names.
func TestCredentials(t *testing.T) {
	p := plan.Plan{Name: "a", Slot: 3, Nodes: 2, Proxy: NFTables, Dir: t.TempDir()}
	for _, dir := range []string{"pki", "node1/pki", "node2/pki"} {
		if err := os.MkdirAll(p.Path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeCredentials(p); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(p.Path("pki/ca.crt"))
	if err != nil || !roots.AppendCertsFromPEM(ca) {
		t.Fatal("no authority", err)
	}
	for _, test := range []struct{ file, server, user, groups string }{
		{"kubeconfig", "https://172.30.3.1:6443", "admin", "system:masters"},
		{"controller-manager.kubeconfig", "https://172.30.3.1:6443", "system:kube-controller-manager", ""},
		{"scheduler.kubeconfig", "https://172.30.3.1:6443", "system:kube-scheduler", ""},
		{"node2/kubelet.kubeconfig", "https://172.30.3.1:6443", "system:node:node2", "system:nodes"},
		{"node2/kube-proxy.kubeconfig", "https://127.0.0.1:6443", "system:kube-proxy", ""},
	} {
		config, err := clientcmd.BuildConfigFromFlags("", p.Path(test.file))
		if err != nil {
			t.Fatal(err)
		}
		leaf := parse(t, config.CertData)
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("%s: %v", test.file, err)
		}
		got := []string{config.Host, leaf.Subject.CommonName, strings.Join(leaf.Subject.Organization, ",")}
		if diff := cmp.Diff([]string{test.server, test.user, test.groups}, got); diff != "" {
			t.Errorf("%s: %s", test.file, diff)
		}
	}
	for file, host := range map[string]string{
		"pki/apiserver.crt":        "172.30.3.1",
		"pki/etcd.crt":             "172.30.3.1",
		"node1/pki/kubelet.crt":    "172.30.3.11",
		"node1/pki/kube-proxy.crt": "127.0.0.1",
	} {
		content, err := os.ReadFile(p.Path(file))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(t, content).Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
			t.Errorf("%s does not serve %s: %v", file, host, err)
		}
	}
}

func parse(t *testing.T, certificate []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(certificate)
	if block == nil {
		t.Fatal("not a certificate")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestNames(t *testing.T) {
	c := newCluster(plan.Plan{Name: "a", Nodes: 2, Proxy: NFTables, Dir: t.TempDir()})
	if _, err := c.Node("node3"); err == nil || !strings.Contains(err.Error(), "it has node1 to node2") {
		t.Errorf("a node that is not there: %v", err)
	}
	if _, err := c.Process("node2/kube-prox"); err == nil || !strings.Contains(err.Error(), "node2/kube-proxy") {
		t.Errorf("a process that is not there: %v", err)
	}
	for _, process := range c.Processes() {
		if got, err := c.Process(process.Name); err != nil || got.Name != process.Name {
			t.Errorf("%s: %v, %v", process.Name, got, err)
		}
	}
	if err := c.Load(t.Context(), filepath.Join(t.TempDir(), "none.tar")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an image that is not there: %v", err)
	}
	for _, name := range []string{"", "..", "a/b"} {
		if err := Remove(t.Context(), name); err == nil || errors.Is(err, ErrNotUp) {
			t.Errorf("removing %q: %v", name, err)
		}
	}
}

func TestVersionIsOne(t *testing.T) {
	gomod, err := os.ReadFile("../hyper/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(gomod), "k8s.io/kubernetes "+KubernetesVersion+"\n") {
		t.Errorf("hyper is not built from Kubernetes %s", KubernetesVersion)
	}
}
