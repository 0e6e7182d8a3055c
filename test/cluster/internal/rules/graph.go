// Package rules reads a node's packet rules, as nft or iptables-save print them, and finds where new connections
// can still be sent. An address counts if some rule translates a destination to it and that rule can be reached
// from a hook by jumps, gotos and verdict maps. What kube-proxy has unlinked but not yet deleted does not count.
package rules

import "net/netip"

// Graph is a set of chains, each with what it jumps to and the addresses that it translates to.
type Graph struct {
	next    map[string][]string
	targets map[string][]netip.Addr
	hooks   []string
}

func newGraph() *Graph {
	return &Graph{next: map[string][]string{}, targets: map[string][]netip.Addr{}}
}

// Targets are the addresses that new connections can be translated to.
func (g *Graph) Targets() map[netip.Addr]bool {
	found := map[netip.Addr]bool{}
	seen := map[string]bool{}
	todo := append([]string(nil), g.hooks...)
	for len(todo) > 0 {
		chain := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[chain] {
			continue
		}
		seen[chain] = true
		for _, target := range g.targets[chain] {
			found[target] = true
		}
		todo = append(todo, g.next[chain]...)
	}
	return found
}
