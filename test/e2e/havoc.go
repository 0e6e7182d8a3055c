package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

// havoc disturbs the kube-proxies of all nodes, each independently, until it is ended. The seed
// determines what happens when, but not what it coincides with.
type havoc struct {
	stop    context.CancelFunc
	working sync.WaitGroup

	mu     sync.Mutex
	counts map[string]int
	err    error
}

// A disturbance lasts for a while and then undoes what it did.
type disturbance struct {
	name string
	do   func(ctx context.Context, node *cluster.Node, wait func(atMost time.Duration)) error
}

var disturbances = []disturbance{
	{"stall", func(_ context.Context, node *cluster.Node, wait func(time.Duration)) error {
		if err := node.KubeProxy.Pause(); err != nil {
			return err
		}
		wait(6 * time.Second)
		return node.KubeProxy.Resume()
	}},
	{"restart", func(ctx context.Context, node *cluster.Node, _ func(time.Duration)) error {
		return node.KubeProxy.Restart(context.WithoutCancel(ctx))
	}},
	{"kill", func(_ context.Context, node *cluster.Node, wait func(time.Duration)) error {
		if err := node.KubeProxy.Kill(); err != nil {
			return err
		}
		wait(3 * time.Second)
		return node.KubeProxy.Start()
	}},
	{"delay", func(ctx context.Context, node *cluster.Node, wait func(time.Duration)) error {
		ctx = context.WithoutCancel(ctx)
		if err := node.DelayEndpointSlices(ctx, 2*time.Second); err != nil {
			return err
		}
		wait(6 * time.Second)
		return node.DelayEndpointSlices(ctx, 0)
	}},
	{"cut-watch", func(ctx context.Context, node *cluster.Node, _ func(time.Duration)) error {
		return node.CutWatch(context.WithoutCancel(ctx))
	}},
	{"relist", func(ctx context.Context, node *cluster.Node, _ func(time.Duration)) error {
		return node.Relist(context.WithoutCancel(ctx))
	}},
}

func wreakHavoc(ctx context.Context, nodes []*cluster.Node, seed uint64) *havoc {
	ctx, stop := context.WithCancel(ctx)
	h := &havoc{stop: stop, counts: map[string]int{}}
	for i, node := range nodes {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		h.working.Go(func() { h.run(ctx, node, random) })
	}
	return h
}

func (h *havoc) run(ctx context.Context, node *cluster.Node, random *rand.Rand) {
	wait := func(atMost time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(random.Int64N(int64(atMost)))):
		}
	}
	for {
		if wait(3 * time.Second); ctx.Err() != nil {
			return
		}
		what := disturbances[random.IntN(len(disturbances))]
		err := what.do(ctx, node, wait)
		h.mu.Lock()
		h.counts[what.name]++
		if err != nil {
			h.err = errors.Join(h.err, fmt.Errorf("%s of kube-proxy on %s: %w", what.name, node.Name(), err))
		}
		h.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// end waits until everything is undone.
func (h *havoc) end() (map[string]int, error) {
	h.stop()
	h.working.Wait()
	return h.counts, h.err
}
