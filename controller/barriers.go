package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/barrier"
)

// leadersStore opens only while the lease names this replica: opening deletes what another leader
// may be working with.
type leadersStore struct {
	barrier.Store
	mine func(context.Context) error
}

func (s leadersStore) Open(ctx context.Context) (barrier.Service, error) {
	if err := s.mine(ctx); err != nil {
		return barrier.Service{}, err
	}
	return s.Store.Open(ctx)
}

// barriers holds the barrier of each address family that somebody asked for: kube-proxies program
// each family's slices separately.
type barriers struct {
	ctx    context.Context
	leader *leader
	kinds  *barrier.HealthPorts

	mu      sync.Mutex
	running sync.WaitGroup
	all     map[corev1.IPFamily]*barrier.Barrier
	nodes   []*corev1.Node
	proxy   ProxyMode
}

// startBarriers gives barriers that work until ctx is done.
func (l *leader) startBarriers(ctx context.Context) *barriers {
	b := &barriers{ctx: ctx, leader: l, kinds: barrier.NewHealthPorts(), all: map[corev1.IPFamily]*barrier.Barrier{}, proxy: ProxyMode{unread: true}}
	b.learnProxyMode(ctx) // before the first confirmation
	l.nodes.follow(b.setNodes)
	return b
}

// of gives the family's barrier, and begins it at the first call.
func (b *barriers) of(family corev1.IPFamily) *barrier.Barrier {
	b.mu.Lock()
	defer b.mu.Unlock()
	if begun := b.all[family]; begun != nil {
		return begun
	}
	l := b.leader
	address := l.addresses[family] // not valid: the store opens no era, and says why
	listener := barrier.NewListener(address)
	begun := barrier.New(barrier.Config{
		Store:  leadersStore{barrier.NewKubeStore(l.clientset, l.options.BarrierNamespace, family, address, l.options.Pod.Node), l.election.mine},
		Beacon: listener, Kinds: b.kinds, Numbers: l.options.Numbers,
		Log: l.options.Log.With("family", family), Observe: l.metrics.acknowledged, Failed: l.metrics.barrierFailed,
	})
	begun.SetNodes(b.members(family))
	b.all[family] = begun
	b.running.Go(func() {
		defer listener.Close()
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
	b.tellNodes()
}

// tellNodes tells all barriers of their nodes; mu is held.
func (b *barriers) tellNodes() {
	for family, begun := range b.all {
		begun.SetNodes(b.members(family))
	}
}

// members are the nodes as a family's barrier knows them.
func (b *barriers) members(family corev1.IPFamily) []barrier.Node {
	members := barrier.Nodes(b.nodes, family, b.proxy.Unproved())
	for i := range members {
		members[i].Unordered = members[i].Unordered || b.leader.options.BarrierTwice
	}
	return members
}

// removed tells all barriers that a Service of the barrier, or a slice of it, was removed.
func (b *barriers) removed(service string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, begun := range b.all {
		begun.Removed(service)
	}
}

const (
	tidyEvery = 5 * time.Minute
	tidyAfter = 2 * time.Minute // the age from which a Service that no barrier works with is left over
)

// tidy removes the Services that no barrier works with, until ctx is done: those of families that
// nobody asks for, and of a leader that was paused.
func (b *barriers) tidy(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(tidyEvery):
		}
		if err := b.tidyNow(ctx); err != nil && ctx.Err() == nil {
			b.leader.options.Log.Warn("barrier: removing Services that are left over", "error", err)
		}
	}
}

func (b *barriers) tidyNow(ctx context.Context) error {
	services := b.leader.clientset.CoreV1().Services(b.leader.options.BarrierNamespace)
	there, err := services.List(ctx, metav1.ListOptions{LabelSelector: barrier.ManagedByLabel + "=" + barrier.ManagedBy})
	if err != nil {
		return err
	}
	if err := b.leader.election.mine(ctx); err != nil {
		return err
	}
	used := b.services()
	for _, service := range there.Items {
		if slices.Contains(used, service.Name) || time.Since(service.CreationTimestamp.Time) < tidyAfter {
			continue
		}
		b.leader.options.Log.Info("barrier: removing a Service that is left over", "service", service.Name)
		if err := services.Delete(ctx, service.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// services names those in use.
func (b *barriers) services() (used []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, begun := range b.all {
		services, _, _ := begun.State()
		used = append(used, services...)
	}
	return used
}

// wait returns when all have ended, after the context has.
func (b *barriers) wait() {
	b.leader.nodes.follow(nil)
	b.running.Wait()
}
