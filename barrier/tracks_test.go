package barrier

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTracksSaveTheSecondWait lets pods leave one after another, as in a rollout. A lone barrier
// must wait for a write that is in flight before it can make the next, tracks need not.
func TestTracksSaveTheSecondWait(t *testing.T) {
	slowest := func(tracks bool) (slowest time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(1)
			var nodes []Node
			for i := range 3 {
				nodes = append(nodes, w.addProxy(i, false))
			}
			var pass func(context.Context, Change) []Verdict
			var ctx context.Context
			if tracks {
				b := NewTracks(len(nodes), func(int) Config { return Config{Store: w, Asker: w} })
				b.SetNodes(nodes)
				ctx, pass = run(t, w, b.Run), b.Pass
			} else {
				var b *Barrier
				ctx, b = start(t, w, nodes)
				pass = b.Pass
			}
			time.Sleep(5 * time.Second)
			var mu sync.Mutex
			var passes sync.WaitGroup
			for range 30 {
				passes.Go(func() {
					began := time.Now()
					if passed, missed := count(pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != 3 || missed != 0 {
						t.Errorf("%d passed, %d missed", passed, missed)
					}
					mu.Lock()
					defer mu.Unlock()
					slowest = max(slowest, time.Since(began))
				})
				time.Sleep(330 * time.Millisecond)
			}
			passes.Wait()
		})
		return slowest
	}
	alone, together := slowest(false), slowest(true)
	if together > syncPeriod+200*time.Millisecond {
		t.Errorf("the slowest pass took %v, want little more than one period of kube-proxy", together)
	}
	if alone < syncPeriod+500*time.Millisecond {
		t.Errorf("a lone barrier took %v at the most: this test proves nothing", alone)
	}
}

func TestTracksTakeTurns(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	none := func(int) Config { return Config{} }
	for _, tt := range []struct {
		name   string
		nodes  int
		tracks int
		when   []int // ms
		track  []int
		begin  []int // ms
	}{
		{"a burst shares the second track's write", 3, 4, []int{0, 5, 10, 249, 250, 251}, []int{1, 2, 2, 2, 3, 3}, []int{0, 250, 250, 250, 500, 500}},
		{"seldom: at once, track after track", 3, 4, []int{0, 400, 2000, 2300, 3000}, []int{1, 2, 3, 0, 1}, []int{0, 400, 2000, 2300, 3000}},
		{"larger clusters write less often", 500, 2, []int{0, 10, 600}, []int{1, 0, 1}, []int{0, 500, 1000}},
		{"the largest have one barrier, which paces itself", 5000, 1, []int{0, 10}, []int{0, 0}, []int{0, 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := NewTracks(tt.nodes, none)
			if len(l.tracks) != tt.tracks {
				t.Fatalf("%d tracks, want %d", len(l.tracks), tt.tracks)
			}
			for i, when := range tt.when {
				track, begin := l.takeTrack(at(when))
				if track != l.tracks[tt.track[i]] || !begin.Equal(at(tt.begin[i])) {
					t.Errorf("at %d ms: begins after %v, in the expected track: %t", when, begin.Sub(at(0)), track == l.tracks[tt.track[i]])
				}
			}
		})
	}
}
