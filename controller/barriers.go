package controller

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/barrier"
)

// barriers has the lanes of one barrier for each address family that somebody asked for: the kube-proxies
// of a family program its slices on their own.
type barriers struct {
	ctx    context.Context
	leader *leader
	asker  *barrier.HTTPAsker

	mu      sync.Mutex
	running sync.WaitGroup
	all     map[corev1.IPFamily]*barrier.Lanes
	nodes   []*corev1.Node
}

// startBarriers gives barriers that work until ctx is done.
func (l *leader) startBarriers(ctx context.Context) *barriers {
	b := &barriers{ctx: ctx, leader: l, asker: barrier.NewHTTPAsker(), all: map[corev1.IPFamily]*barrier.Lanes{}}
	l.nodes.follow(b.setNodes)
	return b
}

// of gives the family's barrier, and begins it at the first call.
func (b *barriers) of(family corev1.IPFamily) *barrier.Lanes {
	b.mu.Lock()
	defer b.mu.Unlock()
	if begun := b.all[family]; begun != nil {
		return begun
	}
	l := b.leader
	members := b.members(family)
	begun := barrier.NewLanes(len(members), func(lane int) barrier.Config {
		return barrier.Config{
			Store: barrier.NewKubeStore(l.clientset, l.options.BarrierNamespace, family, lane),
			Asker: b.asker, Log: l.options.Log, Observe: l.metrics.acknowledged,
		}
	})
	begun.SetNodes(members)
	b.all[family] = begun
	b.running.Go(func() {
		if err := begun.Run(b.ctx); err != nil && b.ctx.Err() == nil {
			l.options.Log.Error("barrier: ended", "family", family, "error", err)
		}
	})
	return begun
}

func (b *barriers) setNodes(nodes []*corev1.Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = nodes
	for family, begun := range b.all {
		begun.SetNodes(b.members(family))
	}
}

// members are the nodes as a family's barrier knows them.
func (b *barriers) members(family corev1.IPFamily) []barrier.Node {
	members := barrier.Nodes(b.nodes, family)
	for i := range members {
		members[i].Unordered = members[i].Unordered || b.leader.options.BarrierTwice
	}
	return members
}

// wait returns when all have ended, after the context has.
func (b *barriers) wait() {
	b.leader.nodes.follow(nil)
	b.running.Wait()
	b.asker.Close()
}
