package barrier

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Verdict is what is known about one node at the end of a pass.
type Verdict struct {
	Node   string
	Passed bool
	Time   time.Time // when it was seen to have passed, or when it was given up
	Why    string    // why it has not passed
	// Version and Written are of the newest write that it has acknowledged, if it passed: the
	// resourceVersion, and when the API server answered that it was made.
	Version uint64
	Written time.Time
}

// waiter is one pass in progress.
type waiter struct {
	change  Change
	pending map[string]struct{}
	passed  []Verdict
	done    chan struct{}
	closed  bool
}

// Pass waits until every node has programmed change, and gives a verdict on each by name. It gives
// up on those that have not after the configured timeout, or when ctx is done; and at once on those
// known to be silent, when all others have passed. A node that joins later is not waited for: its
// kube-proxy programs nothing before it has read a newer state. Neither is one that joined, and was
// never Ready, nor answered: it has no rules yet.
func (b *Barrier) Pass(ctx context.Context, change Change) []Verdict {
	w := &waiter{change: change, pending: map[string]struct{}{}, done: make(chan struct{})}
	b.mu.Lock()
	b.waiters[w] = struct{}{}
	for name := range b.nodes {
		m := b.members[name]
		switch {
		case m.passed(change):
			w.passed = append(w.passed, m.verdict())
		case !m.founder && b.opened && !m.ruled: // it has no rules yet
		default:
			w.pending[name] = struct{}{}
			m.wake()
			b.second(m, change)
		}
	}
	b.endIfDone(w)
	if b.era != nil {
		b.era.advance() // writes the next number; poll asks each node until it shows it
	}
	b.mu.Unlock()

	timer := time.NewTimer(b.config.Timeout)
	defer timer.Stop()
	select {
	case <-w.done: // acknowledged has seen them all pass
	case <-timer.C:
	case <-ctx.Done():
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiters, w)
	slices.SortFunc(w.passed, func(a, b Verdict) int { return strings.Compare(a.Node, b.Node) })
	return append(w.passed, b.missed(w)...)
}

func (b *Barrier) missed(w *waiter) []Verdict {
	var verdicts []Verdict
	now := time.Now()
	for _, name := range slices.Sorted(maps.Keys(w.pending)) {
		m := b.members[name]
		why := m.why()
		switch {
		case m.node.Unproved != "" || b.era != nil:
		case b.problem != nil:
			why = "the barrier's Service could not be kept: " + b.problem.Error()
		default:
			why = "the barrier's Service is not there yet"
		}
		verdicts = append(verdicts, Verdict{Node: name, Time: now, Why: why})
	}
	return verdicts
}

// endIfDone ends w when no node is left to wait for.
func (b *Barrier) endIfDone(w *waiter) {
	if w.closed {
		return
	}
	for name := range w.pending {
		if !b.members[name].silent {
			return
		}
	}
	w.closed = true
	close(w.done)
}

// acknowledged tells every waiter what m has newly passed.
func (b *Barrier) acknowledged(m *member) {
	for w := range b.waiters {
		if _, waits := w.pending[m.node.Name]; !waits {
			continue
		}
		if m.passed(w.change) {
			delete(w.pending, m.node.Name)
			w.passed = append(w.passed, m.verdict())
			b.endIfDone(w)
		} else {
			b.second(m, w.change)
		}
	}
}

// second has another write made where m needs one to pass change: one that begins after what m has shown
// was seen.
func (b *Barrier) second(m *member, change Change) {
	if b.era != nil && m.wantsSecond(change) {
		b.era.after = max(b.era.after, m.history[len(m.history)-1].begun)
	}
}

// highest gives the largest resourceVersion waited for.
func (b *Barrier) highest() (version uint64) {
	for w := range b.waiters {
		if !w.closed {
			version = max(version, w.change.ResourceVersion)
		}
	}
	return version
}
