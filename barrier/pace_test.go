package barrier

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestNoPodWaitsForAnothersWrite lets pods leave one after another, as in a rollout: a write that is not shown yet
// does not delay the next, so that each pod waits for one period of kube-proxy, and not for two.
func TestNoPodWaitsForAnothersWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, b, w, _ := calm(t, 3)
		before := w.writes()
		slowest := slowestOf(ctx, t, b, w, 3, 30, 330*time.Millisecond)
		if slowest > syncPeriod+200*time.Millisecond {
			t.Errorf("the slowest pass took %v, want little more than one period of kube-proxy", slowest)
		}
		if own := w.writes() - before - 30; own > 30 {
			t.Errorf("%d writes for 30 pods", own)
		}
	})
}

// slowestOf has pods leave one after another, and gives the longest time that one waited for all nodes.
func slowestOf(ctx context.Context, t *testing.T, b *Barrier, w *world, nodes, pods int, gap time.Duration) (slowest time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var passes sync.WaitGroup
	for range pods {
		passes.Go(func() {
			began := time.Now()
			if passed, missed := count(b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != nodes || missed != 0 {
				t.Errorf("%d passed, %d missed", passed, missed)
			}
			mu.Lock()
			defer mu.Unlock()
			slowest = max(slowest, time.Since(began))
		})
		time.Sleep(gap)
	}
	passes.Wait()
	return slowest
}

// TestPace: pods that leave in a storm cost four writes a second.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, b, w, _ := calm(t, 3)
		before := w.writes()
		var passes sync.WaitGroup
		for range 1000 {
			passes.Go(func() { b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")}) })
			time.Sleep(10 * time.Millisecond)
		}
		passes.Wait()
		if own := w.writes() - before - 1000; own < 30 || own > 50 {
			t.Errorf("%d writes in 11 s", own)
		}
	})
}

// TestErasFollow: when all numbers were used, another era begins, and no pass is lost to it.
func TestErasFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		nodes := []Node{w.addProxy(0, false), w.addProxy(1, true)}
		config := w.config()
		config.Numbers = Numbers{20000, 20015}
		failed := 0
		config.Failed = func(error) { failed++ }
		b := New(config)
		b.SetNodes(nodes)
		ctx := run(t, w, b.Run)
		time.Sleep(5 * time.Second)
		for i := range 100 {
			began := time.Now()
			if passed, missed := count(b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != 2 || missed != 0 {
				t.Errorf("pass %d: %d passed, %d missed", i, passed, missed)
			}
			if took := time.Since(began); took > 6*syncPeriod {
				t.Errorf("pass %d took %v", i, took)
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		open := 0
		for _, n := range w.heard {
			open += n
		}
		if w.eras < 8 || failed > 0 || open > 17 {
			t.Errorf("%d eras, %d failures, %d numbers are listened to", w.eras, failed, open)
		}
	})
}
