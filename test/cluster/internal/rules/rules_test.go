package rules

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The dumps are from a node with the Services web (two pods, and a node port), sticky (one pod, session affinity) and
// nobody (no pod), before and after one pod of web was deleted.
func TestRecorded(t *testing.T) {
	for _, test := range []struct {
		file  string
		parse func([]byte) (*Graph, error)
		want  []string
	}{
		{"nftables-before.txt", ParseNFTables, []string{"10.240.1.2", "10.240.1.3", "10.240.1.4", "172.30.0.1"}},
		{"nftables-after.txt", ParseNFTables, []string{"10.240.1.2", "10.240.1.3", "172.30.0.1"}},
		{"iptables-before.txt", ParseIPTables, []string{"10.240.1.2", "10.240.1.3", "10.240.1.4", "172.30.0.1"}},
		{"iptables-after.txt", ParseIPTables, []string{"10.240.1.3", "10.240.1.4", "172.30.0.1"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			dump, err := os.ReadFile(filepath.Join("testdata", test.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, targets(t, test.parse, string(dump))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const (
	nftHook = "table ip kube-proxy {\n\tchain nat {\n\t\ttype nat hook output priority -100; policy accept;\n\t\t"
	nftPod  = "\n\t}\n\tchain endpoint-A__10.0.0.1/80 {\n\t\tmeta l4proto tcp dnat to 10.0.0.1:80\n\t}\n}\n"
	iptHook = "*nat\n:OUTPUT ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n:KUBE-SEP-A - [0:0]\n-A OUTPUT -j KUBE-SERVICES\n"
	iptPod  = "-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.0.0.1:80\nCOMMIT\n"
)

func TestReachability(t *testing.T) {
	for _, test := range []struct {
		name  string
		parse func([]byte) (*Graph, error)
		dump  string
		want  []string
	}{
		{"nft: nothing", ParseNFTables, "", nil},
		{"nft: unlinked", ParseNFTables, nftHook + "accept" + nftPod, nil},
		{"nft: goto", ParseNFTables, nftHook + "goto endpoint-A__10.0.0.1/80" + nftPod, []string{"10.0.0.1"}},
		{"nft: anonymous verdict map", ParseNFTables,
			nftHook + "numgen random mod 2 vmap { 0 : goto other, 1 : goto endpoint-A__10.0.0.1/80 }" + nftPod, []string{"10.0.0.1"}},
		{"nft: named verdict map", ParseNFTables,
			nftHook + "ip daddr vmap @services\n\t}\n\tmap services {\n\t\ttype ipv4_addr : verdict\n" +
				"\t\telements = { 10.96.0.1 : goto other,\n\t\t\t     10.96.0.2 : goto endpoint-A__10.0.0.1/80 }" + nftPod, []string{"10.0.0.1"}},
		{"nft: a map that no rule uses", ParseNFTables,
			nftHook + "accept\n\t}\n\tmap services {\n\t\telements = { 10.96.0.2 : goto endpoint-A__10.0.0.1/80 }" + nftPod, nil},
		{"nft: a loop", ParseNFTables, nftHook + "jump nat" + nftPod, nil},
		{"iptables: nothing", ParseIPTables, "", nil},
		{"iptables: unlinked", ParseIPTables, iptHook + iptPod, nil},
		{"iptables: linked", ParseIPTables, iptHook + "-A KUBE-SERVICES -j KUBE-SEP-A\n" + iptPod, []string{"10.0.0.1"}},
		{"iptables: goto", ParseIPTables, iptHook + "-A KUBE-SERVICES -g KUBE-SEP-A\n" + iptPod, []string{"10.0.0.1"}},
		{"nft: IPv6", ParseNFTables, strings.ReplaceAll(nftHook+"goto endpoint-A__10.0.0.1/80"+nftPod, "to 10.0.0.1:80", "to [fd1e::1]:80"), []string{"fd1e::1"}},
		{"iptables: IPv6", ParseIPTables, strings.ReplaceAll(iptHook+"-A KUBE-SERVICES -j KUBE-SEP-A\n"+iptPod, "10.0.0.1:80", "[fd1e::1]:80"), []string{"fd1e::1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, targets(t, test.parse, test.dump)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	if _, err := ParseNFTables([]byte(nftHook + "dnat to nowhere")); err == nil {
		t.Error("nft: an invalid target address passes")
	}
	if _, err := ParseIPTables([]byte("-A OUTPUT -j DNAT --to-destination nowhere\n")); err == nil {
		t.Error("iptables: an invalid target address passes")
	}
}

func targets(t *testing.T, parse func([]byte) (*Graph, error), dump string) []string {
	t.Helper()
	graph, err := parse([]byte(dump))
	if err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for address := range graph.Targets() {
		addresses = append(addresses, address.String())
	}
	slices.Sort(addresses)
	return addresses
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatal("no dumps: ", err)
	}
	for _, file := range files {
		dump, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(dump)
	}
	f.Fuzz(func(t *testing.T, dump []byte) {
		for _, parse := range []func([]byte) (*Graph, error){ParseNFTables, ParseIPTables} {
			graph, err := parse(dump)
			if err != nil {
				continue
			}
			for address := range graph.Targets() {
				if address == (netip.Addr{}) {
					t.Error("an empty address")
				}
			}
		}
	})
}

func BenchmarkParseNFTables(b *testing.B) {
	dump, err := os.ReadFile("testdata/nftables-before.txt")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		graph, err := ParseNFTables(dump)
		if err != nil || len(graph.Targets()) != 4 {
			b.Fatal(graph, err)
		}
	}
}
