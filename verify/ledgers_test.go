package verify

import (
	"fmt"
	"testing"

	"github.com/lameduck-dev/lameduck/verify/ledger"
)

// An application that writes lines about requests that nobody sent takes no memory, and is told of.
func TestLedgersKeepWhatWasSent(t *testing.T) {
	l := newLedgers("run-", func() int64 { return 3 })
	add := func(seq int64, event ledger.Event, id string) {
		l.add(container{uid: "1", pod: "a", name: "app"}, ledger.Entry{Seq: seq, Event: event, ID: id})
	}
	seq := int64(0)
	for n := range 1000 {
		for _, event := range []ledger.Event{ledger.Received, ledger.Applied} {
			seq++
			add(seq, event, fmt.Sprintf("run-fresh-%d", n))
		}
	}
	add(seq+1, ledger.Applied, "run-fresh-1")
	add(seq+2, ledger.Applied, "run-fresh-999")
	if len(l.received) != 3 || len(l.times) != 3 {
		t.Errorf("%d and %d requests are kept, want 3", len(l.received), len(l.times))
	}
	if want := 2*997 + 1; l.unknown != want {
		t.Errorf("%d unknown lines, want %d", l.unknown, want)
	}
	if sum := l.compare(3, nil); sum.Applied != 3 || sum.AppliedTwice != 1 {
		t.Errorf("%+v: want 3 applied, one of them twice", sum)
	}
}
