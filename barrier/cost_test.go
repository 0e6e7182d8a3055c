package barrier

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// priced counts what goes to the API servers and to the nodes.
type priced struct {
	*world
	mu                   sync.Mutex
	writes, asked, kinds int
	sliceBytes           int
}

func (p *priced) Write(ctx context.Context, service Service, slice Slice) (uint64, error) {
	object := newKubeStore(nil, "IPv4").render(service, slice)
	bytes, err := object.Marshal()
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	p.writes, p.sliceBytes = p.writes+1, len(bytes)
	p.mu.Unlock()
	return p.world.Write(ctx, service, slice)
}

func (p *priced) Ask(ctx context.Context, node netip.AddrPort) (uint16, error) {
	p.mu.Lock()
	p.asked++
	p.mu.Unlock()
	return p.world.Ask(ctx, node)
}

func (p *priced) Identify(ctx context.Context, node netip.Addr, service Service) error {
	p.mu.Lock()
	p.kinds++
	p.mu.Unlock()
	return p.world.Identify(ctx, node, service)
}

// TestCostIsLinear prints what a stop costs in clusters of 3, 300 and 5,000 nodes, alone and in a rollout of 100
// pods in 10 s: docs/decisions/0010-barrier.md has the figures.
func TestCostIsLinear(t *testing.T) {
	for _, nodes := range []int{3, 300, 5000} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &priced{world: newWorld(1)}
				var members []Node
				for i := range nodes {
					members = append(members, p.addProxy(i, false))
				}
				b := New(Config{Store: p, Beacon: p, Kinds: p})
				b.SetNodes(members)
				ctx := run(t, p.world, b.Run)
				time.Sleep(10 * time.Second)
				measure := func(what string, pods int, atMost int) {
					p.mu.Lock()
					p.writes, p.asked, p.kinds = 0, 0, 0
					p.mu.Unlock()
					began := time.Now()
					slowest := slowestOf(ctx, t, b, p.world, nodes, pods, 100*time.Millisecond)
					took := time.Since(began)
					if p.writes > atMost {
						t.Errorf("%s: %d writes, want at most %d", what, p.writes, atMost)
					}
					t.Logf("%s: %d writes of %d bytes, %d bytes to all nodes; %.1f questions a node, %d for the kind of proxy; slowest pass %v, all in %v; the n endpoints of before: %d bytes a round",
						what, p.writes, p.sliceBytes, p.writes*p.sliceBytes*nodes, float64(p.asked)/float64(nodes), p.kinds, slowest, took, 130*nodes*nodes)
				}
				measure("one pod", 1, 1)
				time.Sleep(time.Minute)
				measure("100 pods in 10 s", 100, 48)
			})
		})
	}
}
