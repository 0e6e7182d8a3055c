package barrier

import (
	"context"
	"sync"
	"time"
)

// maxTracks is how many barriers work side by side at the most. A kube-proxy programs once a
// second (its minSyncPeriod), so more than that many writes in flight are never needed when
// they are spread over that second.
const (
	maxTracks  = 4
	syncPeriod = time.Second
)

// Tracks are barriers side by side, each with a Service and numbers of its own. A node's number in
// one track can't move on before the node has shown it, which may take kube-proxy's second. A pod
// that leaves meanwhile takes the next track instead of waiting.
type Tracks struct {
	tracks []*Barrier

	mu   sync.Mutex
	gap  time.Duration // between the writes of two tracks
	turn int           // track of the last slot
	slot time.Time     // when that track's passes begin: those until then share its write
}

// NewTracks gives the tracks for a cluster of that many nodes: fewer for larger ones, where each
// write costs more and is paced anyway. config gives each track its Config.
func NewTracks(nodes int, config func(track int) Config) *Tracks {
	l := &Tracks{gap: gapFor(nodes)}
	for track := range max(1, int(syncPeriod/l.gap)) {
		l.tracks = append(l.tracks, New(config(track)))
	}
	return l
}

// gapFor keeps the writes of all tracks together to the pace of one.
func gapFor(nodes int) time.Duration {
	return max(syncPeriod/maxTracks, time.Duration(nodes)*perNode)
}

// Run keeps all tracks going until ctx is done.
func (l *Tracks) Run(ctx context.Context) error {
	var running sync.WaitGroup
	errs := make([]error, len(l.tracks))
	for i, track := range l.tracks {
		running.Go(func() { errs[i] = track.Run(ctx) })
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
func (l *Tracks) SetNodes(nodes []Node) {
	l.mu.Lock()
	l.gap = gapFor(len(nodes))
	l.mu.Unlock()
	for _, track := range l.tracks {
		track.SetNodes(nodes)
	}
}

// Pass is Barrier.Pass, in the track whose turn it is.
func (l *Tracks) Pass(ctx context.Context, change Change) []Verdict {
	track, at := l.takeTrack(time.Now())
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return track.Pass(ctx, change)
}

// takeTrack gives a track, and when its passes begin: at once if the last slot is long enough ago.
func (l *Tracks) takeTrack(now time.Time) (track *Barrier, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tracks) == 1 {
		return l.tracks[0], now
	}
	if !now.Before(l.slot) {
		l.turn = (l.turn + 1) % len(l.tracks)
		if l.slot = l.slot.Add(l.gap); l.slot.Before(now) {
			l.slot = now
		}
	}
	return l.tracks[l.turn], l.slot
}
