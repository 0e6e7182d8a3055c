package barrier

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTwoWrites: the second has to begin after the first was shown.
func TestTwoWrites(t *testing.T) {
	w := func(order uint64) *write {
		return &write{order: order, number: uint16(20000 + order), version: 100 * order}
	}
	late := func(version uint64) Change { return Change{ResourceVersion: version, Late: true} }
	m := &member{}
	m.show(w(5), w(6), 6, time.Now()) // the sixth had begun by then
	m.show(w(6), nil, 6, time.Now())
	if m.passed(late(450)) || !m.passed(Change{ResourceVersion: 599}) || m.passed(Change{ResourceVersion: 600}) {
		t.Errorf("after 5 and 6: %+v", m)
	}
	if !m.wantsSecond(late(450)) || m.wantsSecond(late(600)) {
		t.Error("a second write is wanted for what one has passed, and only for that")
	}
	m.show(w(7), nil, 7, time.Now())
	if !m.passed(late(599)) || m.passed(late(600)) {
		t.Errorf("after 7: %+v", m)
	}
}

// TestStepBack: a kube-proxy that restarts against an API server that lags shows what it has shown before. What
// it had passed since does not count any more.
func TestStepBack(t *testing.T) {
	m := &member{}
	writes := []*write{{order: 1, version: 100}, {order: 2, version: 200}, {order: 3, version: 300, done: time.Now()}}
	for _, w := range writes {
		m.show(w, nil, w.order, time.Now())
	}
	if !m.passed(Change{ResourceVersion: 250}) || !m.passed(Change{ResourceVersion: 150, Late: true}) {
		t.Fatalf("%+v", m)
	}
	m.show(writes[1], writes[2], 3, time.Now())
	if m.passed(Change{ResourceVersion: 250}) || m.passed(Change{ResourceVersion: 150, Late: true}) || m.due.IsZero() {
		t.Errorf("after it stepped back: %+v", m)
	}
}

// changing is a node whose kube-proxy is replaced.
type changing struct {
	*world
	now func() error
}

func (c changing) Identify(context.Context, netip.Addr, Service) error { return c.now() }

// TestAnotherKindOfProxy: a proxy that replaces kube-proxy leads connections on as that did. Its answers prove nothing.
func TestAnotherKindOfProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		var replaced atomic.Bool
		config := w.config()
		config.Kinds = changing{w, func() error {
			if replaced.Load() {
				return fmt.Errorf("another proxy: %w", ErrUnproved)
			}
			return nil
		}}
		b := New(config)
		b.SetNodes([]Node{w.addProxy(0, false)})
		ctx := run(t, w, b.Run)
		time.Sleep(5 * time.Second)
		replaced.Store(true)
		since := time.Now()
		for {
			verdicts := b.Pass(ctx, Change{ResourceVersion: w.change("aa/pod")})
			if verdicts[0].Passed {
				if time.Since(since) > kindFor+2*time.Second {
					t.Fatalf("it still passes %v after it was replaced", time.Since(since))
				}
				continue
			}
			if !strings.Contains(verdicts[0].Why, "another proxy") {
				t.Errorf("%+v", verdicts)
			}
			if _, states, _ := b.State(); !states[0].Unproved {
				t.Errorf("%+v", states)
			}
			break
		}
	})
}
