package barrier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// PerSlice is how many nodes share a slice. Three endpoints for each stay below the 1,000
// that a slice may hold, and a straggler's own write does not send the whole cluster along.
const PerSlice = 300

// perNode paces the writes: a slice is written at most once in so long a time for each node
// of the cluster. Every write goes to every kube-proxy, so a round over n nodes costs the
// API servers about 130·n² bytes: at 5,000 nodes 3 GB, which this spreads over 5 s.
const (
	perNode  = time.Millisecond
	minPause = 50 * time.Millisecond
)

// era is the life of one Service: it lasts while the barrier knows everything that was ever written
// for it. Everything in it is guarded by the barrier's mutex.
type era struct {
	barrier *Barrier
	service Service
	ctx     context.Context
	lose    context.CancelCauseFunc
	work    sync.WaitGroup
	members map[string]*member
	shards  []*shard
}

type shard struct {
	slice   int
	version uint64
	members []*member
	last    time.Time // when it was last written
	busy    bool      // it is being written, or waits for its next turn
}

func sortedNames(nodes map[string]Node) []string { return slices.Sorted(maps.Keys(nodes)) }

// join adds a node, or updates what is known about it.
func (e *era) join(node Node) *member {
	if m := e.members[node.Name]; m != nil {
		m.node, m.here = node, true
		return m
	}
	if len(e.shards) == 0 || len(e.shards[len(e.shards)-1].members) == PerSlice {
		e.shards = append(e.shards, &shard{slice: len(e.shards)})
	}
	s := e.shards[len(e.shards)-1]
	m := &member{node: node, here: true, shard: s, slot: len(s.members), nudge: make(chan struct{}, 1)}
	s.members = append(s.members, m)
	e.members[node.Name] = m
	return m
}

// advance starts every write that is wanted and may be made. Once more nodes have left than
// are here, it ends the era instead: the next begins without them.
func (e *era) advance() {
	if gone := len(e.members) - len(e.barrier.nodes); gone > len(e.barrier.nodes)+PerSlice {
		e.lose(fmt.Errorf("%d nodes have left", gone))
		return
	}
	for _, s := range e.shards {
		e.advanceShard(s)
	}
}

func (e *era) advanceShard(s *shard) {
	if s.busy || e.ctx.Err() != nil {
		return
	}
	one, two := e.barrier.highest()
	var moving []*member
	for _, m := range s.members {
		if m.wanted(one, two) {
			moving = append(moving, m)
		}
	}
	if len(moving) == 0 {
		return
	}
	s.busy = true
	if pause := time.Until(s.last.Add(e.pause())); pause > 0 {
		e.work.Go(func() { e.turn(s, pause) })
		return
	}
	slice := s.render(moving)
	e.work.Go(func() { e.write(s, slice, moving) })
}

func (e *era) pause() time.Duration {
	return max(minPause, time.Duration(len(e.barrier.nodes))*perNode)
}

// turn waits until s may be written again.
func (e *era) turn(s *shard, pause time.Duration) {
	select {
	case <-e.ctx.Done():
	case <-time.After(pause):
	}
	e.barrier.mu.Lock()
	defer e.barrier.mu.Unlock()
	s.busy = false
	e.advanceShard(s)
}

// render gives the slice with the numbers of moving advanced, and all others as they are. The
// numbers of nodes that have left stay: they may come back.
func (s *shard) render(moving []*member) Slice {
	slice := Slice{Index: s.slice, Version: s.version}
	for _, m := range s.members {
		count := m.count
		if slices.Contains(moving, m) {
			count = m.next()
		}
		if count > 0 {
			slice.Counts = append(slice.Counts, Count{Node: m.node.Name, Slot: m.slot, Count: count})
		}
	}
	return slice
}

// write repeats the same write until it is known to be done. If an answer was lost, the next
// attempt finds the write done; both have the same content, so it does not matter which one it was.
func (e *era) write(s *shard, slice Slice, moving []*member) {
	var version uint64
	began := time.Now()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		var err error
		if version, err = e.barrier.config.Store.Write(e.ctx, e.service, slice); err == nil {
			break
		}
		if errors.Is(err, ErrLost) || errors.Is(err, ErrAltered) {
			e.lose(fmt.Errorf("writing slice %d: %w", slice.Index, err))
			return
		}
		e.barrier.config.Log.Warn("barrier: writing a slice", "slice", slice.Index, "error", err)
		select {
		case <-e.ctx.Done():
			return
		case <-time.After(pause):
		}
	}
	now := time.Now()
	e.barrier.mu.Lock()
	defer e.barrier.mu.Unlock()
	s.busy, s.version, s.last = false, version, now
	for _, m := range moving {
		m.count, m.written, m.since, m.began, m.idle, m.problem = m.next(), version, now, began, false, ""
		e.work.Go(func() { e.poll(m) })
	}
	e.advanceShard(s)
}
