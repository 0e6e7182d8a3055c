package barrier

import (
	"fmt"
	"time"
)

// cycle is how many different numbers a node goes through. Two would do for a stream that
// only goes forward. A kube-proxy that restarts may list from an API server that lags and so
// step back; the third number keeps apart the write before last from the one in flight.
const cycle = 3

// member is a node in an era. A member is never forgotten while its era lasts, so that a
// node that comes back goes on with the number after its last.
type member struct {
	node    Node
	shard   *shard
	slot    int  // the member's own place in the shard's slice
	here    bool // its Node object exists
	founder bool // it was there when the era began

	count   int       // the number last written; 0: never
	written uint64    // resourceVersion of that write
	since   time.Time // when that write returned
	began   time.Time // when its first attempt began
	idle    bool      // the number last written was shown; may move on
	acked   time.Time // when that was seen
	proven  [2]uint64 // resourceVersions of the last two acknowledged writes, newest first
	proved  time.Time // when the newest of them returned

	answered bool   // it has answered in this era
	silent   bool   // its write has been unacknowledged for longer than the timeout
	problem  string // what came of the last question

	nudge chan struct{} // wakes its poller
}

// wanted reports whether a waiter, or the member's very first write, wants its number to
// move on; one and two as from highest.
func (m *member) wanted(one, two uint64) bool {
	if !m.here || m.count != 0 && !m.idle {
		return false
	}
	return m.count == 0 ||
		one > 0 && !m.passed(Change{ResourceVersion: one}) ||
		two > 0 && !m.passed(Change{ResourceVersion: two, Late: true})
}

func (m *member) verdict() Verdict {
	return Verdict{Node: m.node.Name, Passed: true, Time: m.acked, Version: m.proven[0], Written: m.proved}
}

func (m *member) next() int { return m.count%cycle + 1 }

func (m *member) why() string {
	switch {
	case m.node.Unproved != "":
		return m.node.Unproved
	case !m.node.Address.IsValid():
		return "no address of its own to ask it at"
	case m.count == 0:
		return "the barrier's slice could not be written"
	case m.idle:
		return "it passed an earlier change, not yet this one"
	case m.problem != "":
		return fmt.Sprintf("%s; asked for %v", m.problem, time.Since(m.since).Round(100*time.Millisecond))
	}
	return "not asked yet"
}

// wake makes the poller ask soon a member that is asked seldom.
func (m *member) wake() {
	if m.silent {
		select {
		case m.nudge <- struct{}{}:
		default:
		}
	}
}
