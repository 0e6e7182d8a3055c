package rules

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// mapNode tells the names of maps from those of chains.
const mapNode = "@"

// ParseNFTables reads the output of `nft list table ip kube-proxy`.
func ParseNFTables(dump []byte) (*Graph, error) {
	g := newGraph()
	lines := bufio.NewScanner(bytes.NewReader(dump))
	lines.Buffer(nil, 16<<20)
	var node string // the chain or map that the line is in
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0:
		case len(fields) == 3 && fields[2] == "{" && fields[0] == "chain":
			node = fields[1]
		case len(fields) == 3 && fields[2] == "{" && (fields[0] == "map" || fields[0] == "set"):
			node = mapNode + fields[1]
		case len(fields) > 2 && fields[0] == "type" && slices.Contains(fields, "hook"):
			g.hooks = append(g.hooks, node)
		case node != "":
			if err := g.addNFTablesLine(node, fields); err != nil {
				return nil, fmt.Errorf("reading nftables line %q: %w", lines.Text(), err)
			}
		}
	}
	return g, lines.Err()
}

// addNFTablesLine adds a rule or a line of a map's elements; both name chains after goto and jump.
func (g *Graph) addNFTablesLine(node string, fields []string) error {
	for i, field := range fields {
		if i+1 == len(fields) {
			break
		}
		following := strings.TrimSuffix(fields[i+1], ",")
		switch {
		case field == "goto" || field == "jump":
			g.next[node] = append(g.next[node], following)
		case field == "vmap" && strings.HasPrefix(following, mapNode):
			g.next[node] = append(g.next[node], following)
		case field == "to" && i > 0 && fields[i-1] == "dnat":
			target, err := parseTarget(following)
			if err != nil {
				return err
			}
			g.targets[node] = append(g.targets[node], target)
		}
	}
	return nil
}
