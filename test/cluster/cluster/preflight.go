package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/render"
)

// needed are the programs that a cluster runs besides its own, with the Debian package of each.
var needed = []struct{ program, pkg string }{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"nft", "nftables"},
	{"iptables", "iptables"},
	{"iptables-save", "iptables"},
	{"conntrack", "conntrack"},
	{"ip", "iproute2"},
	{"modprobe", "kmod"},
}

// preflight reports the first thing in the way, with its remedy.
func preflight() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the built-in cluster needs Linux, this is %s: use a Linux machine, or a cluster of your own", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("the built-in cluster needs root for namespaces, mounts and cgroups: run it as root or with sudo")
	}
	var missing []string
	for _, need := range needed {
		if _, err := exec.LookPath(need.program); err != nil {
			missing = append(missing, fmt.Sprintf("%s (package %s)", need.program, need.pkg))
		}
	}
	if _, err := os.Stat(filepath.Join(render.CNIPlugins, "bridge")); err != nil {
		missing = append(missing, render.CNIPlugins+"/bridge (package containernetworking-plugins)")
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s: run hack/deps.sh, or install the packages yourself", strings.Join(missing, ", "))
	}
	return nil
}

// hostRanges are the address ranges that the host uses outside our clusters: its interfaces' and its routes'.
func hostRanges() ([]netip.Prefix, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("listing the host's addresses: %w", err)
	}
	var ranges []netip.Prefix
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			ranges = append(ranges, prefix.Masked())
		}
	}
	table, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return nil, fmt.Errorf("listing the host's routes: %w", err)
	}
	routes, err := parseRoutes(string(table))
	return append(ranges, routes...), err
}

// parseRoutes reads /proc/net/route. Routes of /8 and wider are left out: a cluster's are more specific and win.
func parseRoutes(table string) ([]netip.Prefix, error) {
	const destination, mask, columns = 1, 7, 11
	var routes []netip.Prefix
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		fields := strings.Fields(line)
		if len(fields) < columns {
			return nil, fmt.Errorf("unexpected route %.80q", line)
		}
		var to, bits uint32
		if _, err := fmt.Sscanf(fields[destination]+" "+fields[mask], "%x %x", &to, &bits); err != nil {
			return nil, fmt.Errorf("unexpected route %.80q: %w", line, err)
		}
		ones, _ := net.IPMask(littleEndian(bits)).Size()
		if ones > 8 {
			routes = append(routes, netip.PrefixFrom(netip.AddrFrom4([4]byte(littleEndian(to))), ones))
		}
	}
	return routes, nil
}

func littleEndian(v uint32) []byte {
	return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
}
