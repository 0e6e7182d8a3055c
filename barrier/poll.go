package barrier

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// How often a node is asked that has not shown the last write: soon at first, since it may show it
// within milliseconds; then often, as long as a kube-proxy may only be waiting out its second
// between two runs, or be a little behind; then a few times a second, or once in a large cluster; a silent
// node ever more seldom, unless somebody waits for it.
const (
	firstPoll  = 5 * time.Millisecond
	closePoll  = 50 * time.Millisecond
	closely    = 5 * syncPeriod // a watch may be late, too
	steadyPoll = time.Second
	silentPoll = time.Minute
	// perPoll spreads the first questions of a large cluster: 10,000 a second. Those that
	// follow closely are spread to 1,000 a second.
	perPoll      = 100 * time.Microsecond
	perClosePoll = time.Millisecond
)

// nextPoll is the pause before the next question, from the last pause, the number of nodes and the
// time since the write.
func nextPoll(last time.Duration, nodes int, since time.Duration, silent bool) time.Duration {
	switch {
	case silent:
		return min(2*last, silentPoll)
	case since < closely:
		return min(2*last, closePoll+time.Duration(nodes)*perClosePoll, steadyPoll)
	}
	return min(2*last, 4*closePoll+time.Duration(nodes)*perClosePoll, steadyPoll)
}

// poll asks one node until it shows the last write. Nothing else asks that node meanwhile.
func (e *era) poll(m *member) {
	b := e.barrier
	b.mu.Lock()
	pause := max(firstPoll, time.Duration(len(b.nodes))*perPoll)
	b.mu.Unlock()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-m.nudge:
			if !e.sleep(min(pause, steadyPoll)) {
				return
			}
		case <-time.After(pause):
		}
		b.mu.Lock()
		address, here, kind := m.node.Address, m.here, m.kind
		b.mu.Unlock()
		var number uint16
		var err error
		if here && address.IsValid() {
			number, kind, err = e.question(address, kind)
		}
		if e.ctx.Err() != nil {
			return
		}
		b.mu.Lock()
		m.kind = kind
		e.heard(m, address, number, err)
		over := !m.here || m.due.IsZero() && m.shown != nil
		pause = nextPoll(pause, len(b.nodes), time.Since(m.due), m.silent)
		m.polled = !over
		b.mu.Unlock()
		if over {
			return
		}
	}
}

// question asks for the kind of proxy, if that is not known, and then for the number.
func (e *era) question(address netip.Addr, kind time.Time) (uint16, time.Time, error) {
	select {
	case <-e.ctx.Done():
		return 0, kind, e.ctx.Err()
	case e.barrier.tokens <- struct{}{}:
	}
	defer func() { <-e.barrier.tokens }()
	ctx, cancel := context.WithTimeout(e.ctx, 2*askTimeout)
	defer cancel()
	if now := time.Now(); kind.IsZero() || now.Sub(kind) > kindFor {
		if err := e.barrier.config.Kinds.Identify(ctx, address, e.service); err != nil {
			return 0, time.Time{}, err
		}
		kind = now
	}
	number, err := e.barrier.config.Beacon.Ask(ctx, netip.AddrPortFrom(address, e.service.Port))
	return number, kind, err
}

// heard takes in an answer, and tells the passes in progress. Nothing is believed of a node that has
// another address by now, or counts for nothing.
func (e *era) heard(m *member, address netip.Addr, number uint16, err error) {
	b, now := e.barrier, time.Now()
	shown, next := e.shows(number)
	m.unproved = errors.Is(err, ErrUnproved)
	switch {
	case !m.here || !address.IsValid():
	case m.node.Address != address:
		m.kind = time.Time{}
	case err != nil:
		m.problem = err.Error()
	case shown == nil || shown == m.shown:
		m.ruled, m.problem = true, "it answers, but has not programmed the change"
	default:
		m.show(shown, next, b.begun, now)
		if b.config.Observe != nil {
			b.config.Observe(now.Sub(shown.done))
		}
		b.acknowledged(m)
		e.advance()
	}
	if !m.due.IsZero() && now.Sub(m.due) > b.config.Timeout && !m.silent {
		m.silent = true
		for w := range b.waiters {
			b.endIfDone(w)
		}
	}
}
