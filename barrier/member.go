package barrier

import (
	"fmt"
	"time"
)

// kindFor is for how long a node's kind of proxy counts as known. It is asked for while passes go on, and
// never costs more than one small question in that time.
const kindFor = 30 * time.Second

// member is a node. What it has shown stays known when an era ends.
type member struct {
	node    Node
	here    bool // its Node object exists
	founder bool // it was there when the first era began

	proven uint64    // resourceVersion of the write that it has shown last
	proved time.Time // when the first attempt of that write began
	acked  time.Time // when it was seen to show it
	twice  uint64    // resourceVersion of a write that it had shown before another began that it has shown, too

	// Of this era.
	shown   *write    // what it has shown last; nil: nothing
	history []showing // what it has shown, oldest first
	kind    time.Time // when it was last seen to have a kube-proxy that knows this era's Services
	due     time.Time // since when there is a write that it has not shown; zero: it has shown the last

	ruled    bool   // it may have rules: it was ready, or has answered
	silent   bool   // it has not shown a write for longer than the timeout
	problem  string // what came of the last question
	unproved bool   // it came from a proxy for which there is no proof
	polled   bool   // it is being asked
	nudge    chan struct{}
}

// showing is one write that a node has shown.
type showing struct {
	version uint64
	begun   uint64 // how many writes had begun when that was seen
}

// maxHistory is how many showings may wait for a write that began after them. Without the older
// ones a node only passes later.
const maxHistory = 64

// begin takes m into a new era.
func (m *member) begin() {
	m.shown, m.history, m.kind, m.due, m.polled = nil, nil, time.Time{}, time.Time{}, false
}

// arrive is for a node that is here anew, or at another address: it may be another machine, which has
// shown nothing.
func (m *member) arrive() {
	polled := m.polled
	m.begin()
	m.here, m.silent, m.polled = true, false, polled
	m.proven, m.twice = 0, 0
}

// passed reports whether the node has programmed change: it has shown a write that came after it, and so
// programmed everything before that write. Where the order of the stream does not hold, it takes a
// second write. A node whose proxy proves nothing any more has passed nothing.
func (m *member) passed(change Change) bool {
	if m.node.Unproved != "" || m.unproved {
		return false
	}
	if m.takesTwo(change) {
		return m.twice > change.ResourceVersion
	}
	return m.proven > change.ResourceVersion
}

func (m *member) takesTwo(change Change) bool { return change.Late || m.node.Unordered }

// wantsSecond reports whether m has shown one write after change, and needs another.
func (m *member) wantsSecond(change Change) bool {
	return m.takesTwo(change) && len(m.history) > 0 && m.proven > change.ResourceVersion && !m.passed(change)
}

// show takes in that the node's rules hold w; begun is how many writes have begun.
func (m *member) show(w, next *write, begun uint64, now time.Time) {
	if m.shown != nil && w.order < m.shown.order {
		m.history, m.twice = nil, 0 // it restarted, and reads from an API server that is behind
	}
	for _, before := range m.history {
		if before.begun < w.order {
			m.twice = max(m.twice, before.version)
		}
	}
	m.history = append(m.history, showing{w.version, begun})
	m.history = m.history[max(0, len(m.history)-maxHistory):]
	m.shown, m.proven, m.proved, m.acked = w, w.version, w.began, now
	m.ruled, m.silent, m.problem, m.due = true, false, "", time.Time{}
	if next != nil {
		m.due = next.done
	}
}

func (m *member) verdict() Verdict {
	return Verdict{Node: m.node.Name, Passed: true, Time: m.acked, Version: m.proven, Written: m.proved}
}

func (m *member) why() string {
	switch {
	case m.node.Unproved != "":
		return m.node.Unproved
	case !m.node.Address.IsValid():
		return "no address of this family to ask it at, or not its own alone"
	case m.due.IsZero() && m.shown == nil:
		return "the barrier's slice could not be written"
	case m.due.IsZero():
		return "it passed an earlier change, not yet this one"
	case m.problem != "":
		return fmt.Sprintf("%s; asked for %v", m.problem, time.Since(m.due).Round(100*time.Millisecond))
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
