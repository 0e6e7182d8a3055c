package render

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/pki"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var testPlan = plan.Plan{Name: "golden", Slot: 2, Nodes: 3, Proxy: "nftables", DNS: true, Dir: "/var/lib/lameduck/golden"}

func TestGolden(t *testing.T) { golden(t, testPlan, "testdata") }

// TestGoldenIPv6 is the same instance with IPv6 addresses.
func TestGoldenIPv6(t *testing.T) {
	p := testPlan
	p.IPv6 = true
	golden(t, p, filepath.Join("testdata", "ipv6"))
}

func golden(t *testing.T, p plan.Plan, dir string) {
	node := Node{Plan: p, Number: 2}
	got, err := node.Files()
	if err != nil {
		t.Fatal(err)
	}
	if got["coredns.yaml"], err = CoreDNS(p); err != nil {
		t.Fatal(err)
	}
	leaf := pki.Leaf{Certificate: []byte("certificate"), Key: []byte("key")}
	if got["kubeconfig"], err = Kubeconfig("golden", "admin", APIServerURL(p), []byte("authority"), leaf); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"host-links.ip":   HostLinks(p),
		"switch-links.ip": SwitchLinks(p),
		"inner-link.ip":   node.InnerLink(),
		"outside-link.ip": OutsideSwitchLink(p) + OutsideInnerLink(p),
		"cut.nft":         node.CutRules(),
		"mend.nft":        node.MendRules(),
	} {
		got[name] = []byte(script)
	}
	for name, args := range map[string][]string{
		"etcd":                    Etcd(p),
		"kube-apiserver":          APIServer(p),
		"kube-controller-manager": ControllerManager(p),
		"kube-scheduler":          Scheduler(p),
		"containerd":              node.Containerd(),
		"kubelet":                 node.Kubelet(),
		"kube-proxy":              node.KubeProxy(),
		"relay":                   node.Relay(),
	} {
		got[name+".args"] = []byte(strings.Join(args, "\n") + "\n")
	}
	for name, text := range got {
		compare(t, filepath.Join(dir, name), string(text))
	}
	for name, text := range got {
		if filepath.Ext(name) != ".yaml" && name != "kubeconfig" {
			continue
		}
		for i, document := range strings.Split(string(text), "\n---\n") {
			if err := yaml.UnmarshalStrict([]byte(document), &map[string]any{}); err != nil {
				t.Errorf("%s, document %d: %v", name, i+1, err)
			}
		}
	}
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-update rewrites it):\n%s", golden, diff)
	}
}

// The property tests must measure kube-proxy as everybody runs it.
func TestKubeProxyKeepsItsDefaults(t *testing.T) {
	for _, mode := range []string{"nftables", "iptables"} {
		p := testPlan
		p.Proxy = mode
		files, err := Node{Plan: p, Number: 1}.Files()
		if err != nil {
			t.Fatal(err)
		}
		var config map[string]any
		if err := yaml.Unmarshal(files["kube-proxy.yaml"], &config); err != nil {
			t.Fatal(err)
		}
		if config["mode"] != mode {
			t.Errorf("mode %v, want %s", config["mode"], mode)
		}
		for _, section := range []string{"nftables", "iptables", "configSyncPeriod"} {
			if _, set := config[section]; set {
				t.Errorf("%s is set: it must keep its default", section)
			}
		}
	}
}
