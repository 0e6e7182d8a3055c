// Package plan derives every name, address, port and path of an instance from its name, its slot and its number
// of nodes, so that two instances never collide and `down` knows what `up` may have created, even if `up` was killed.
package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

const (
	// Slots is how many instances fit on one machine: each takes one of 172.30.0.0/24 ... 172.30.15.0/24.
	Slots = 16
	// MaxNodes keeps a node's number inside one octet of its addresses.
	MaxNodes = 100

	// APIServerPort is bound on the instance's own address, like the other ports: so all instances use the same ones.
	APIServerPort = 6443
	// EtcdPort is where the API server finds etcd.
	EtcdPort = 2379
	// EtcdPeerPort is where other members would find this one.
	EtcdPeerPort = 2380

	stateFile = "state.json"
)

// Plan is what identifies an instance. It is written before anything else is created and removed after everything else.
type Plan struct {
	Name  string `json:"name"`
	Slot  int    `json:"slot"`
	Nodes int    `json:"nodes"`
	Proxy string `json:"proxy"`          // nftables or iptables
	IPv6  bool   `json:"ipv6,omitempty"` // all addresses are IPv6; else IPv4
	DNS   bool   `json:"dns"`
	Dir   string `json:"dir"`
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)

// Validate reports the first mistake, in words for the command's user.
func (p Plan) Validate() error {
	if err := ValidateName(p.Name); err != nil {
		return err
	}
	switch {
	case p.Nodes < 1 || p.Nodes > MaxNodes:
		return fmt.Errorf("%d nodes: ask for 1 to %d", p.Nodes, MaxNodes)
	case p.Proxy != "nftables" && p.Proxy != "iptables":
		return fmt.Errorf("proxy mode %q: use nftables or iptables", p.Proxy)
	}
	return nil
}

// ValidateName checks that name can be an instance's: it becomes a folder and part of other names.
func ValidateName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("instance name %q: use at most 20 lower-case letters, digits and dashes, a letter first", name)
	}
	return nil
}

// Uplink is the host's only link: it leads to the switch that joins the nodes, and carries the host's address.
func (p Plan) Uplink() string { return fmt.Sprintf("lameduck%d", p.Slot) }

// NodeNet holds the host's address and the nodes'.
func (p Plan) NodeNet() netip.Prefix { return p.prefix(nodes) }

// HostAddr is where the control plane listens.
func (p Plan) HostAddr() netip.Addr { return p.addr(nodes, 0, 1) }

// OutsideAddr is that of the machine beside the nodes.
func (p Plan) OutsideAddr() netip.Addr { return p.addr(nodes, 0, 2) }

// NodeAddr is the InternalIP of node n, n from 1.
func (p Plan) NodeAddr(n int) netip.Addr { return p.addr(nodes, 0, 10+n) }

// ClusterCIDR holds all pods.
func (p Plan) ClusterCIDR() netip.Prefix { return p.prefix(pods) }

// PodCIDR holds the pods of node n, n from 1.
func (p Plan) PodCIDR(n int) netip.Prefix {
	bits := 24
	if p.IPv6 {
		bits = 64
	}
	return netip.PrefixFrom(p.addr(pods, n, 0), bits)
}

// ServiceCIDR holds the cluster IPs; the first is the API server's, the tenth the DNS server's.
func (p Plan) ServiceCIDR() netip.Prefix { return p.prefix(services) }

// APIServiceAddr is the cluster IP of the Service default/kubernetes.
func (p Plan) APIServiceAddr() netip.Addr { return p.addr(services, 0, 1) }

// DNSAddr is the cluster IP of the Service kube-system/kube-dns.
func (p Plan) DNSAddr() netip.Addr { return p.addr(services, 0, 10) }

// Network is the name of the pod network, unique on the machine.
func (p Plan) Network() string { return "lameduck-" + p.Name }

// Cgroup is the path, from the root of each hierarchy, under which all pods of the instance run.
func (p Plan) Cgroup() string { return "/lameduck-" + p.Name }

// NodeName is the Kubernetes name of node n, n from 1.
func NodeName(n int) string { return fmt.Sprintf("node%d", n) }

// NodeDir holds everything that node n keeps on disk, its sockets and its namespace.
func (p Plan) NodeDir(n int) string { return filepath.Join(p.Dir, NodeName(n)) }

// AllAddrs is the address to listen on for all addresses.
func (p Plan) AllAddrs() netip.Addr {
	if p.IPv6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// Path names a file of the instance.
func (p Plan) Path(elements ...string) string {
	return filepath.Join(append([]string{p.Dir}, elements...)...)
}

// Ranges are the address ranges that must be free on the host.
func (p Plan) Ranges() []netip.Prefix {
	return []netip.Prefix{p.NodeNet(), p.ClusterCIDR(), p.ServiceCIDR()}
}

// Save writes the plan into its directory.
func (p Plan) Save() error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	temporary := p.Path(stateFile + ".new")
	if err := os.WriteFile(temporary, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("saving the instance's plan: %w", err)
	}
	return os.Rename(temporary, p.Path(stateFile))
}

// ErrNotUp means that there is no instance of that name.
var ErrNotUp = errors.New("no such cluster is up")

// Load reads the plan of the instance called name in base.
func Load(base, name string) (Plan, error) {
	if err := ValidateName(name); err != nil {
		return Plan{}, err
	}
	data, err := os.ReadFile(filepath.Join(base, name, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Plan{}, fmt.Errorf("cluster %q: %w", name, ErrNotUp)
	}
	if err != nil {
		return Plan{}, fmt.Errorf("cluster %q: %w", name, err)
	}
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return Plan{}, fmt.Errorf("cluster %q: reading %s: %w", name, filepath.Join(base, name, stateFile), err)
	}
	return p, nil
}

// All lists the plans of the instances in base, by name.
func All(base string) ([]Plan, error) {
	files, err := filepath.Glob(filepath.Join(base, "*", stateFile))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var plans []Plan
	for _, file := range files {
		p, err := Load(base, filepath.Base(filepath.Dir(file)))
		if errors.Is(err, ErrNotUp) {
			continue // taken down meanwhile
		}
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// network is one of an instance's networks, in both families.
type network struct {
	v4       func(slot int) (a, b, c byte)
	v4Bits   int
	v6, bits int // the fourth group of fd1e:d0cc:SLOT, and the prefix's length
}

var (
	nodes    = network{func(slot int) (a, b, c byte) { return 172, 30, byte(slot) }, 24, 0, 64}
	pods     = network{func(slot int) (a, b, c byte) { return 10, byte(240 + slot), 0 }, 16, 0x100, 56}
	services = network{func(slot int) (a, b, c byte) { return 10, byte(96 + slot), 0 }, 16, 0x200, 112}
)

// addr is an address of a network, in one of its subnets.
func (p Plan) addr(n network, subnet, host int) netip.Addr {
	if p.IPv6 {
		group := n.v6 + subnet
		return netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x1e, 2: 0xd0, 3: 0xcc, 5: byte(p.Slot), 6: byte(group >> 8), 7: byte(group), 15: byte(host)})
	}
	a, b, c := n.v4(p.Slot)
	return netip.AddrFrom4([4]byte{a, b, c + byte(subnet), byte(host)})
}

func (p Plan) prefix(n network) netip.Prefix {
	bits := n.v4Bits
	if p.IPv6 {
		bits = n.bits
	}
	return netip.PrefixFrom(p.addr(n, 0, 0), bits)
}
