package verify

import "sync/atomic"

// ring is what requests go round: each takes the one that has been unused longest. Only when all are
// in use do requests double up.
type ring[T any] struct {
	all  []T
	free chan T // not in use, the one that was used longest ago first
	next atomic.Uint64
}

// newRing has at least one.
func newRing[T any](n int, one func() T) *ring[T] {
	n = max(1, n)
	r := &ring[T]{free: make(chan T, n)}
	for range n {
		made := one()
		r.all = append(r.all, made)
		r.free <- made
	}
	return r
}

// takeOne gives the next one, and what to call when it is not used any more.
func (r *ring[T]) takeOne() (one T, release func()) {
	select {
	case one = <-r.free:
		return one, func() { r.free <- one }
	default:
		return r.all[r.next.Add(1)%uint64(len(r.all))], func() {}
	}
}

func (r *ring[T]) each(do func(T)) {
	for _, one := range r.all {
		do(one)
	}
}
