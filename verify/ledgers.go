package verify

import (
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/report"
	"github.com/lameduck-dev/lameduck/verify/ledger"
)

// ledgers joins the ledgers of all pods: what the application says about each request of this run.
type ledgers struct {
	prefix   string            // of the run's request ids
	received map[string]string // request -> pod that received it first
	times    map[string]int    // request -> how often it was applied
	applied  int               // requests applied at least once
	missing  int64             // lines that were written and not read
	last     map[string]int64  // container -> sequence number of its last line

	sent    func() int64 // requests sent so far: the most that a ledger can name
	unknown int          // lines of requests beyond those
}

func newLedgers(prefix string, sent func() int64) *ledgers {
	return &ledgers{prefix: prefix, received: map[string]string{}, times: map[string]int{}, last: map[string]int64{}, sent: sent}
}

// add takes in a line; false: it was read before.
func (l *ledgers) add(c container, e ledger.Entry) bool {
	last, known := l.last[c.key()]
	if known && e.Seq <= last {
		return false
	}
	if known {
		l.missing += e.Seq - last - 1
	}
	l.last[c.key()] = e.Seq
	if !strings.HasPrefix(e.ID, l.prefix) {
		return true
	}
	switch e.Event {
	case ledger.Received:
		if l.received[e.ID] == "" && l.room(len(l.received)) {
			l.received[e.ID] = c.pod
		}
	case ledger.Applied:
		if l.times[e.ID] > 0 || l.room(len(l.times)) {
			l.times[e.ID]++
		}
		if l.times[e.ID] == 1 {
			l.applied++
		}
	}
	return true
}

// room reports whether one more request can be true: a ledger that invents ids must not fill the memory.
func (l *ledgers) room(have int) bool {
	if int64(have) < l.sent() {
		return true
	}
	l.unknown++
	return false
}

// compare joins the ledgers with what the clients saw: answered requests, and the lost ones.
// It says in each loss whether it was applied.
func (l *ledgers) compare(answered int, losses []report.Loss) *report.Ledger {
	sum := &report.Ledger{Received: len(l.received), Applied: l.applied, Missing: int(l.missing)}
	for _, times := range l.times {
		if times > 1 {
			sum.AppliedTwice++
		}
	}
	for i := range losses {
		applied := l.times[losses[i].ID] > 0
		losses[i].Applied = &applied
		if applied && losses[i].Kind != report.Masked {
			sum.LostButApplied++
		}
	}
	sum.OKNotApplied = max(0, answered-(l.applied-sum.LostButApplied))
	return sum
}

// seeLogLine takes in a line of a container's log.
func (w *watch) seeLogLine(c container, at time.Time, line []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := ledger.Parse(line)
	if !ok || w.ledger == nil {
		w.lines.seeHookLog(at, c.uid, line)
		return
	}
	if !w.ledger.add(c, e) {
		return
	}
	switch e.Event {
	case ledger.Sigterm:
		w.lines.seeSigterm(e.Time, c.uid)
	case ledger.Exit:
		w.lines.seeExited(e.Time, c.uid)
	}
}
