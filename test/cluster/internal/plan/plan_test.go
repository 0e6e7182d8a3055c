package plan

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func valid() Plan { return Plan{Name: "a", Nodes: 3, Proxy: "nftables"} }

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Plan)
		want   string // part of the error; empty for none
	}{
		{"as it is", func(*Plan) {}, ""},
		{"long name", func(p *Plan) { p.Name = "a2345678901234567890" }, ""},
		{"too long name", func(p *Plan) { p.Name = "a23456789012345678901" }, "at most 20"},
		{"no name", func(p *Plan) { p.Name = "" }, "at most 20"},
		{"path as name", func(p *Plan) { p.Name = "../a" }, "lower-case letters"},
		{"no nodes", func(p *Plan) { p.Nodes = 0 }, "ask for 1 to 100"},
		{"too many nodes", func(p *Plan) { p.Nodes = 101 }, "ask for 1 to 100"},
		{"unknown mode", func(p *Plan) { p.Proxy = "ipvs" }, "nftables or iptables"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := valid()
			test.change(&p)
			err := p.Validate()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// Nothing of one instance may collide with anything of another, or with anything else of its own.
func TestAddressesAreApart(t *testing.T) {
	seen := map[string]string{}
	claim := func(what, who string) {
		if other, taken := seen[what]; taken {
			t.Errorf("%s belongs to %s and to %s", what, other, who)
		}
		seen[what] = who
	}
	var ranges []netip.Prefix
	for slot := range Slots {
		p := Plan{Slot: slot, Nodes: MaxNodes}
		for _, prefix := range p.Ranges() {
			for _, other := range ranges {
				if prefix.Overlaps(other) {
					t.Errorf("slot %d: %s overlaps %s", slot, prefix, other)
				}
			}
			ranges = append(ranges, prefix)
		}
		claim(p.Uplink(), "a link")
		if len(p.Uplink()) > 15 {
			t.Errorf("%s is too long for a link's name", p.Uplink())
		}
		claim(p.HostAddr().String(), "a host")
		for n := 1; n <= MaxNodes; n++ {
			claim(p.NodeAddr(n).String(), "a node")
			claim(p.PodCIDR(n).String(), "a node's pods")
			if !p.NodeNet().Contains(p.NodeAddr(n)) || !p.ClusterCIDR().Overlaps(p.PodCIDR(n)) {
				t.Errorf("slot %d: node %d is outside its ranges", slot, n)
			}
		}
		for _, address := range []netip.Addr{p.APIServiceAddr(), p.DNSAddr()} {
			if !p.ServiceCIDR().Contains(address) {
				t.Errorf("slot %d: %s is outside %s", slot, address, p.ServiceCIDR())
			}
		}
	}
}

func TestFreeSlot(t *testing.T) {
	all := make([]Plan, Slots)
	for slot := range all {
		all[slot] = Plan{Name: "other", Slot: slot}
	}
	prefixes := func(texts ...string) (parsed []netip.Prefix) {
		for _, text := range texts {
			parsed = append(parsed, netip.MustParsePrefix(text))
		}
		return parsed
	}
	for _, test := range []struct {
		name   string
		others []Plan
		inUse  []netip.Prefix
		want   int
		err    string
	}{
		{"all free", nil, prefixes("192.168.1.0/24"), 0, ""},
		{"one instance", all[:1], nil, 1, ""},
		{"a gap", []Plan{all[0], all[2]}, nil, 1, ""},
		{"node range busy", nil, prefixes("172.30.0.0/30"), 1, ""},
		{"pod range busy", nil, prefixes("10.240.7.0/24"), 1, ""},
		{"service range busy", nil, prefixes("10.96.0.0/12"), -1, "10.96.0.0/16 overlaps the host's 10.96.0.0/12"},
		{"all instances", all, nil, -1, `172.30.15.0/24 is cluster "other"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			slot, err := FreeSlot(test.others, test.inUse)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got slot %d, %v; want the error %q", slot, err, test.err)
				}
				return
			}
			if err != nil || slot != test.want {
				t.Errorf("got slot %d, %v; want %d", slot, err, test.want)
			}
		})
	}
}

func TestSaveAndLoad(t *testing.T) {
	base := t.TempDir()
	var want []Plan
	for _, name := range []string{"one", "two"} {
		p := valid()
		p.Name, p.Dir = name, filepath.Join(base, name)
		if err := os.Mkdir(p.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := p.Save(); err != nil {
			t.Fatal(err)
		}
		want = append(want, p)
	}
	got, err := All(base)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Load(base, "three"); !errors.Is(err, ErrNotUp) {
		t.Errorf("a missing instance: %v", err)
	}
	if _, err := Load(base, "../"+filepath.Base(base)+"/one"); err == nil {
		t.Error("a path passes as a name")
	}
	if err := os.WriteFile(filepath.Join(base, "one", stateFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := All(base); err == nil || !strings.Contains(err.Error(), stateFile) {
		t.Errorf("a broken plan: %v", err)
	}
}
