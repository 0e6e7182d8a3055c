package routers

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/lameduck-dev/lameduck/router"
)

// said is what a router answered; addresses is nil if it did not.
type said struct {
	addresses *router.Addresses
	at        time.Time
}

// line is the way to one router: whoever comes before a call begins shares its answer.
type line struct {
	mu     sync.Mutex
	next   *question // that has not begun
	began  time.Time // the last call
	failed bool      // it did not answer when it was last asked
}

type question struct {
	done chan struct{} // closed with the answer
	said said
}

// join gives the question that will be asked next; first: the caller has to ask it.
func (l *line) join() (q *question, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first = l.next == nil; first {
		l.next = &question{done: make(chan struct{})}
	}
	return l.next, first
}

// due is when the next call may begin.
func (l *line) due() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.began.Add(askEvery)
}

// begin notes that a call begins: who comes later joins the one after it.
func (l *line) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next, l.began = nil, time.Now()
}

// noteFailure notes whether a call failed, and reports whether it is the first that did.
func (l *line) noteFailure(failed bool) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first = failed && !l.failed
	l.failed = failed
	return first
}

// Calls at once: of the routers of namespaces that share a bucket, and of all. Who shares one can't be
// foreseen, so that nobody can keep another namespace's routers from being asked.
const (
	buckets       = 16
	callsOfBucket = 4
)

type turns struct {
	seed maphash.Seed
	free [buckets]chan struct{}
}

func newTurns() turns {
	t := turns{seed: maphash.MakeSeed()}
	for i := range t.free {
		t.free[i] = make(chan struct{}, callsOfBucket)
	}
	return t
}

// takeTurn waits for a turn, and gives what ends it.
func (t *turns) takeTurn(namespace string) (give func()) {
	bucket := t.free[maphash.String(t.seed, namespace)%buckets]
	bucket <- struct{}{}
	return func() { <-bucket }
}
