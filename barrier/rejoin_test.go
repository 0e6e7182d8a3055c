package barrier

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadyThenNot: a node that was ready has rules, though no question ever came through to it. That it is not
// ready any more does not take them away.
func TestReadyThenNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, b, w, nodes := calm(t, 2)
		joined := w.addProxy(2, false)
		w.do(joined.Name, func(p *proxy) { p.gone = true }) // it can't be reached from here
		b.SetNodes(append(nodes, joined))
		time.Sleep(time.Minute)
		joined.Ready = false
		b.SetNodes(append(nodes, joined))
		w.do(joined.Name, func(p *proxy) { p.cut = true })
		version := w.change("aa/pod")
		verdicts := b.Pass(ctx, Change{ResourceVersion: version})
		if passed, missed := count(verdicts); passed != 2 || missed != 1 {
			t.Errorf("%d passed, %d missed: %+v", passed, missed, verdicts)
		}
	})
}

// at is a cluster whose nodes have a kube-proxy only at some addresses.
type at struct {
	*world
	known map[netip.Addr]bool
}

func (a at) Identify(_ context.Context, node netip.Addr, _ Service) error {
	if !a.known[node] {
		return errors.New("no answer from kube-proxy")
	}
	return nil
}

// TestAnotherAddress: what a node has shown at one address says nothing about what is at another.
func TestAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		node, other := w.addProxy(0, false), w.addProxy(1, false)
		config := w.config()
		config.Kinds = at{w, map[netip.Addr]bool{node.Address: true}}
		b := New(config)
		b.SetNodes([]Node{node})
		ctx := run(t, w, b.Run)
		time.Sleep(5 * time.Second)
		old := w.change("aa/pod")
		if passed, _ := count(b.Pass(ctx, Change{ResourceVersion: old})); passed != 1 {
			t.Fatal("it does not pass at its own address")
		}
		node.Address = other.Address
		b.SetNodes([]Node{node})
		for _, version := range []uint64{old, w.change("aa/pod")} {
			if verdicts := b.Pass(ctx, Change{ResourceVersion: version}); verdicts[0].Passed {
				t.Errorf("version %d: %+v", version, verdicts)
			}
		}
	})
}

// TestNoProofAnyMore: once what a node's proxy acknowledges is no proof, what it acknowledged before is none for a
// pod that leaves now.
func TestNoProofAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, b, w, nodes := calm(t, 1)
		old := w.change("aa/pod")
		if passed, _ := count(b.Pass(ctx, Change{ResourceVersion: old})); passed != 1 {
			t.Fatal("it does not pass")
		}
		nodes[0].Unproved, nodes[0].Address = "IPVS", netip.Addr{}
		b.SetNodes(nodes)
		if verdicts := b.Pass(ctx, Change{ResourceVersion: old}); verdicts[0].Passed {
			t.Errorf("%+v", verdicts)
		}
	})
}
