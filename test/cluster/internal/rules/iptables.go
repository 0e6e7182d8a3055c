package rules

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// ParseIPTables reads the output of `iptables-save -t nat`.
func ParseIPTables(dump []byte) (*Graph, error) {
	g := newGraph()
	lines := bufio.NewScanner(bytes.NewReader(dump))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 2 && strings.HasPrefix(fields[0], ":"):
			if fields[1] != "-" { // only a chain on a hook has a policy
				g.hooks = append(g.hooks, fields[0][1:])
			}
		case len(fields) >= 2 && fields[0] == "-A":
			if err := g.addIPTablesRule(fields[1], fields[2:]); err != nil {
				return nil, fmt.Errorf("reading iptables rule %q: %w", lines.Text(), err)
			}
		}
	}
	return g, lines.Err()
}

func (g *Graph) addIPTablesRule(chain string, fields []string) error {
	for i := 0; i+1 < len(fields); i++ {
		switch fields[i] {
		case "-j", "-g":
			g.next[chain] = append(g.next[chain], fields[i+1])
		case "--to-destination":
			target, err := parseTarget(fields[i+1])
			if err != nil {
				return err
			}
			g.targets[chain] = append(g.targets[chain], target)
		}
	}
	return nil
}

// parseTarget reads an address with or without a port.
func parseTarget(text string) (netip.Addr, error) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr(), nil
	}
	return netip.ParseAddr(text)
}
