package barrier

import (
	"net/netip"
	"time"
)

// How often an unacknowledged node is asked: soon at first, since an acknowledgement may come
// within milliseconds; then often, as long as a kube-proxy may only be waiting out its second
// between two runs; then once a second; a silent node ever more seldom, unless somebody waits
// for it.
const (
	firstPoll  = 5 * time.Millisecond
	closePoll  = 50 * time.Millisecond
	closely    = 2 * syncPeriod
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
	return min(2*last, steadyPoll)
}

// poll asks one node until it shows the number written for it. Nothing else asks that node: the
// number does not move on before poll has ended.
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
		address, here := m.node.Address, m.here
		b.mu.Unlock()
		var count int
		var err error
		if here && address.IsValid() {
			count, err = e.ask(address)
		}
		if e.ctx.Err() != nil {
			return
		}
		b.mu.Lock()
		acknowledged := m.heard(count, err, b.config.Timeout)
		silent := m.silent
		switch {
		case acknowledged:
			if b.config.Observe != nil {
				b.config.Observe(m.acked.Sub(m.since))
			}
			b.acknowledged(m)
			e.advanceShard(m.shard)
		case silent:
			for w := range b.waiters {
				b.endIfDone(w)
			}
		}
		pause = nextPoll(pause, len(b.nodes), time.Since(m.since), silent)
		b.mu.Unlock()
		if acknowledged {
			return
		}
	}
}

func (e *era) sleep(d time.Duration) bool {
	select {
	case <-e.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (e *era) ask(address netip.Addr) (int, error) {
	select {
	case <-e.ctx.Done():
		return 0, e.ctx.Err()
	case e.barrier.tokens <- struct{}{}:
	}
	defer func() { <-e.barrier.tokens }()
	return e.barrier.config.Asker.Ask(e.ctx, address, e.service)
}

// heard takes in an answer and reports whether it acknowledges the write in flight.
func (m *member) heard(count int, err error, timeout time.Duration) bool {
	now := time.Now()
	switch {
	case err != nil:
		m.problem = err.Error()
	case count == m.count:
		m.answered, m.silent, m.problem, m.idle, m.acked = true, false, "", true, now
		m.proven, m.proved = [2]uint64{m.written, m.proven[0]}, m.began
		return true
	case m.here && m.node.Address.IsValid():
		m.answered = true
		m.problem = "it answers, but has not programmed the change"
	}
	m.silent = m.silent || now.Sub(m.since) > timeout
	return false
}
