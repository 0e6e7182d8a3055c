package barrier

import (
	"context"
	"sync"
	"time"
)

// maxLanes is how many barriers work side by side at the most. A kube-proxy programs once a
// second (its minSyncPeriod), so more than that many writes in flight are never needed when
// they are spread over that second.
const (
	maxLanes   = 4
	syncPeriod = time.Second
)

// Lanes are barriers side by side, each with a Service and numbers of its own. A node's number in
// one lane can't move on before the node has shown it, which may take kube-proxy's second. A pod
// that leaves meanwhile takes the next lane instead of waiting.
type Lanes struct {
	lanes []*Barrier

	mu   sync.Mutex
	gap  time.Duration // between the writes of two lanes
	turn int           // lane of the last slot
	slot time.Time     // when that lane's passes begin: those until then share its write
}

// NewLanes gives the lanes for a cluster of that many nodes: fewer for larger ones, where each
// write costs more and is paced anyway. config gives each lane its Config.
func NewLanes(nodes int, config func(lane int) Config) *Lanes {
	l := &Lanes{gap: gapFor(nodes)}
	for lane := range max(1, int(syncPeriod/l.gap)) {
		l.lanes = append(l.lanes, New(config(lane)))
	}
	return l
}

// gapFor keeps the writes of all lanes together to the pace of one.
func gapFor(nodes int) time.Duration {
	return max(syncPeriod/maxLanes, time.Duration(nodes)*perNode)
}

// Run keeps all lanes going until ctx is done.
func (l *Lanes) Run(ctx context.Context) error {
	var running sync.WaitGroup
	errs := make([]error, len(l.lanes))
	for i, lane := range l.lanes {
		running.Go(func() { errs[i] = lane.Run(ctx) })
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// SetNodes sets which nodes there are now.
func (l *Lanes) SetNodes(nodes []Node) {
	l.mu.Lock()
	l.gap = gapFor(len(nodes))
	l.mu.Unlock()
	for _, lane := range l.lanes {
		lane.SetNodes(nodes)
	}
}

// Pass is Barrier.Pass, in the lane whose turn it is.
func (l *Lanes) Pass(ctx context.Context, change Change) []Verdict {
	lane, at := l.takeLane(time.Now())
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return lane.Pass(ctx, change)
}

// takeLane gives a lane, and when its passes begin: at once if the last slot is long enough ago.
func (l *Lanes) takeLane(now time.Time) (lane *Barrier, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lanes) == 1 {
		return l.lanes[0], now
	}
	if !now.Before(l.slot) {
		l.turn = (l.turn + 1) % len(l.lanes)
		if l.slot = l.slot.Add(l.gap); l.slot.Before(now) {
			l.slot = now
		}
	}
	return l.lanes[l.turn], l.slot
}
