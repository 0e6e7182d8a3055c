package barrier

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a barrier over w until the test ends; it must be called inside a bubble.
func start(t *testing.T, w *world, nodes []Node) (context.Context, *Barrier) {
	t.Helper()
	b := New(w.config())
	b.SetNodes(nodes)
	return run(t, w, b.Run), b
}

func (w *world) config() Config { return Config{Store: w, Beacon: w, Kinds: w} }

// run runs a barrier and the world until the test ends.
func run(t *testing.T, w *world, barrier func(context.Context) error) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := barrier(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() { w.run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return ctx
}

// premature lists the nodes that are said to have passed, and have not.
func (w *world) premature(verdicts []Verdict, key string, version uint64) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, verdict := range verdicts {
		for _, p := range w.proxies {
			if p.name == verdict.Node && verdict.Passed && p.rules[key] < version {
				names = append(names, p.name)
			}
		}
	}
	return names
}

func count(verdicts []Verdict) (passed, missed int) {
	for _, verdict := range verdicts {
		if verdict.Passed {
			passed++
		} else {
			missed++
		}
	}
	return passed, missed
}

// storm runs passes one over another while kube-proxies stall, restart, are cut and relist,
// writes fail and are mislaid, and eras are lost. It gives the false acknowledgements.
func storm(t *testing.T, seed uint64, passes int, late bool, wrong wrong) (violations, passed, missed int) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(seed)
		w.wrong = wrong
		var nodes []Node
		for i := range 6 {
			nodes = append(nodes, w.addProxy(i, i%3 == 2 && late))
		}
		chance := func(n int, err error) func() error {
			return func() error {
				if w.rand.IntN(n) == 0 {
					return err
				}
				return nil
			}
		}
		w.refuse, w.mislay = chance(40, errors.New("refused")), chance(40, errors.New("mislaid"))
		config := w.config()
		config.Numbers = Numbers{20000, 20063} // several eras
		b := New(config)
		b.SetNodes(nodes)
		ctx := run(t, w, b.Run)
		time.Sleep(10 * time.Second)

		type outcome struct{ violations, passed, missed int }
		outcomes := make(chan outcome)
		for i := range passes {
			w.mu.Lock()
			w.disturb()
			pause := time.Duration(w.rand.IntN(5000)) * time.Millisecond
			key := fmt.Sprintf("%s/pod-%d", []string{"aa", "zzz"}[w.rand.IntN(2)], i)
			w.mu.Unlock()
			go func() {
				w.interrupt()
				version := w.change(key)
				change := Change{ResourceVersion: version, Late: late && key[0] == 'z'}
				verdicts := b.Pass(ctx, change)
				bad := w.premature(verdicts, key, version)
				var o outcome
				o.violations = len(bad)
				o.passed, o.missed = count(verdicts)
				outcomes <- o
			}()
			time.Sleep(pause)
		}
		for range passes {
			o := <-outcomes
			violations, passed, missed = violations+o.violations, passed+o.passed, missed+o.missed
		}
	})
	return violations, passed, missed
}

// interrupt now and then cuts the watch of a kube-proxy, which lists anew a moment later.
func (w *world) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	proxies := w.sorted()
	if p := proxies[w.rand.IntN(len(proxies))]; w.rand.IntN(2) == 0 {
		p.cut = true
		time.AfterFunc(time.Duration(w.rand.IntN(100))*time.Millisecond, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			p.relist(w)
		})
	}
}

// disturb does something random to a random kube-proxy, or to the barrier's objects.
func (w *world) disturb() {
	proxies := w.sorted()
	p := proxies[w.rand.IntN(len(proxies))]
	switch w.rand.IntN(12) {
	case 0:
		p.stalled = true
	case 1, 2:
		p.stalled = false
	case 3:
		p.cut = true
	case 4, 5, 6:
		p.relist(w)
	case 7:
		p.restart(w)
	case 8:
		if w.rand.IntN(20) == 0 && w.eras > 0 {
			w.append(object{key: fmt.Sprintf("zz/era-%d", w.eras)})
		}
	}
}

func TestNeverPassesEarly(t *testing.T) {
	sumPassed, sumMissed := 0, 0
	for seed := range uint64(6) {
		violations, passed, missed := storm(t, seed, 120, true, wrong{})
		sumPassed, sumMissed = sumPassed+passed, sumMissed+missed
		if violations > 0 {
			t.Errorf("seed %d: %d of %d acknowledgements came before the rules", seed, violations, passed)
		}
	}
	if sumPassed == 0 || sumMissed == 0 {
		t.Errorf("%d passed, %d missed: the storm should leave some of both", sumPassed, sumMissed)
	}
}

// TestTheStormFindsHoles is the control: what makes the barrier unsound must show.
func TestTheStormFindsHoles(t *testing.T) {
	for _, tt := range []struct {
		name  string
		late  bool
		wrong wrong
	}{
		{"one write where the order is lost", false, wrong{}},
		{"numbers that come round", true, wrong{coarse: 4}},
		{"a proxy that programs the beacon first", true, wrong{piecemeal: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(60) {
				if violations, _, _ := storm(t, seed, 120, tt.late, tt.wrong); violations > 0 {
					return
				}
			}
			t.Error("nothing was noticed: the storm is too tame")
		})
	}
}

// TestNodePortOfAnEarlierEra: a node that has missed the new era's Services leads connections where the
// earlier era's numbers were. Once one of these comes again, it looks like a node that is up to date.
func TestNodePortOfAnEarlierEra(t *testing.T) {
	premature := func(ungated bool) (bad []string) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(1)
			w.wrong.ungated = ungated
			nodes := []Node{w.addProxy(0, false), w.addProxy(1, false)}
			config := w.config()
			config.Numbers, config.Timeout = Numbers{20000, 20019}, 2*time.Second
			b := New(config)
			b.SetNodes(nodes)
			ctx := run(t, w, b.Run)
			time.Sleep(5 * time.Second)
			w.do("node001", func(p *proxy) { p.cut = true })
			for range 60 { // at least two eras more, with all their numbers
				version := w.change("aa/pod")
				bad = append(bad, w.premature(b.Pass(ctx, Change{ResourceVersion: version}), "aa/pod", version)...)
			}
			if w.eras < 3 {
				t.Errorf("%d eras: this shows nothing", w.eras)
			}
		})
		return bad
	}
	if bad := premature(false); len(bad) > 0 {
		t.Errorf("passed early: %v", bad)
	}
	if bad := premature(true); len(bad) == 0 {
		t.Error("without the gate nothing was noticed: this test shows nothing")
	}
}

// calm is a cluster of n healthy kube-proxies, and a barrier whose first round is over.
func calm(t *testing.T, n int) (context.Context, *Barrier, *world, []Node) {
	t.Helper()
	w := newWorld(1)
	var nodes []Node
	for i := range n {
		nodes = append(nodes, w.addProxy(i, false))
	}
	ctx, b := start(t, w, nodes)
	time.Sleep(5 * time.Second)
	return ctx, b, w, nodes
}

func (w *world) do(name string, what func(*proxy)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.proxies {
		if p.name == name {
			what(p)
		}
	}
}

func (w *world) writes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.log)
}

func TestOneWriteServesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, b, w, _ := calm(t, 3)
		before := w.writes()
		var changes [50]Change
		for i := range changes {
			changes[i].ResourceVersion = w.change("aa/pod")
		}
		var passes sync.WaitGroup
		for _, change := range changes {
			passes.Go(func() {
				if passed, missed := count(b.Pass(ctx, change)); passed != 3 || missed != 0 {
					t.Errorf("%d passed, %d missed", passed, missed)
				}
			})
		}
		passes.Wait()
		if own := w.writes() - before - 50; own != 1 {
			t.Errorf("%d writes for 50 changes made at once, want 1", own)
		}
	})
}

func TestStalledNodeIsNamedThenKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, b, w, _ := calm(t, 3)
		w.do("node001", func(p *proxy) { p.stalled = true })

		began := time.Now()
		verdicts := b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})
		if passed, missed := count(verdicts); passed != 2 || missed != 1 {
			t.Fatalf("%+v", verdicts)
		}
		if last := verdicts[2]; last.Node != "node001" || last.Why == "" {
			t.Errorf("the node that missed is named as %+v", last)
		}
		if took := time.Since(began); took < 25*time.Second || took > 26*time.Second {
			t.Errorf("gave up after %v, want 25 s", took)
		}

		time.Sleep(5 * time.Second)
		began = time.Now()
		if passed, missed := count(b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != 2 || missed != 1 {
			t.Errorf("%d passed, %d missed", passed, missed)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("waited %v for a node that is known to be silent", took)
		}

		w.do("node001", func(p *proxy) { p.stalled = false })
		b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})
		time.Sleep(5 * time.Second)
		if passed, missed := count(b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != 3 || missed != 0 {
			t.Errorf("after it went on: %d passed, %d missed", passed, missed)
		}
	})
}

func TestCallersDeadlineBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, b, w, _ := calm(t, 2)
		w.do("node000", func(p *proxy) { p.cut = true })
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		began := time.Now()
		if passed, missed := count(b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != 1 || missed != 1 {
			t.Errorf("%d passed, %d missed", passed, missed)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v, want 3s", took)
		}
	})
}

func TestNodesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, b, w, nodes := calm(t, 2)

		joining := w.addProxy(2, false)
		w.do(joining.Name, func(p *proxy) { p.stalled, p.gone = true, true })
		joining.Ready = false
		b.SetNodes(append(nodes, joining))
		time.Sleep(time.Second)
		if passed, missed := count(b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != 2 || missed != 0 {
			t.Errorf("while a node starts: %d passed, %d missed", passed, missed)
		}

		joining.Ready = true
		w.do(joining.Name, func(p *proxy) { p.restart(w); p.gone = false })
		b.SetNodes(append(nodes, joining))
		time.Sleep(time.Second)
		if passed, missed := count(b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != 3 || missed != 0 {
			t.Errorf("once it runs: %d passed, %d missed", passed, missed)
		}

		w.do("node001", func(p *proxy) { p.stalled = true })
		time.AfterFunc(2*time.Second, func() { b.SetNodes(append(nodes[:1:1], joining)) })
		began := time.Now()
		if passed, missed := count(b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != 2 || missed != 0 {
			t.Errorf("after a node left: %d passed, %d missed", passed, missed)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("waited %v for a node that left after 2 s", took)
		}

		w.do("node001", func(p *proxy) { p.stalled = false })
		b.SetNodes(append(nodes, joining))
		if passed, missed := count(b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})); passed != 3 || missed != 0 {
			t.Errorf("after it came back: %d passed, %d missed", passed, missed)
		}
	})
}

// TestNewLeader runs a second barrier over the objects of a first that has lost its lease
// without noticing: neither may believe what the other wrote.
func TestNewLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, old, w, nodes := calm(t, 3)
		w.do("node002", func(p *proxy) { p.cut = true })
		go old.Pass(ctx, Change{ResourceVersion: w.change("aa/before")})
		time.Sleep(time.Second)

		_, next := start(t, w, nodes)
		version := w.change("aa/pod")
		verdicts := next.Pass(ctx, Change{ResourceVersion: version})
		if bad := w.premature(verdicts, "aa/pod", version); len(bad) > 0 {
			t.Errorf("passed early: %v", bad)
		}
		if passed, missed := count(verdicts); passed != 2 || missed != 1 {
			t.Errorf("%+v", verdicts)
		}
	})
}

func TestWithoutAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.refuse = func() error { return errors.New("refused") }
		ctx, b := start(t, w, []Node{w.addProxy(0, false)})
		verdicts := b.Pass(ctx, Change{ResourceVersion: 1})
		if passed, missed := count(verdicts); passed != 0 || missed != 1 || verdicts[0].Why == "" {
			t.Errorf("%+v", verdicts)
		}
	})
}
