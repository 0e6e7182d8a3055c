package barrier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// syncPeriod is kube-proxy's minSyncPeriod: it programs once in so long at the most.
	syncPeriod = time.Second
	// Writes are at least minPause apart: four in a syncPeriod, so that a pod that leaves just after a
	// write waits no longer than that for its own. Each goes to every kube-proxy, so that larger clusters
	// are written to less often: at 5,000 nodes each half second, 10,000 small events a second.
	minPause = syncPeriod / 4
	perNode  = 100 * time.Microsecond
	// keptNumbers is how many of the last numbers a node may show and be heard: those of a whole pass
	// at the highest pace. Whatever is older says nothing that anybody waits for.
	keptNumbers = 128
)

// era is the life of one Service: in it no number comes twice. Everything in it is guarded by the
// barrier's mutex.
type era struct {
	barrier *Barrier
	service Service
	ctx     context.Context
	lose    context.CancelCauseFunc
	work    sync.WaitGroup

	offset  int      // where in the range the era began
	used    int      // how many numbers it has used
	writes  []*write // the last that are known to be done, oldest first
	last    time.Time
	busy    bool   // a write is being made, or waits for its turn
	after   uint64 // a write is wanted that begins after so many others
	pending uint16 // the number that is being written
}

// write is one number that was written.
type write struct {
	order   uint64 // of its beginning, in all eras
	number  uint16
	version uint64    // what shows it has passed everything below this resourceVersion
	lock    uint64    // the slice's resourceVersion
	began   time.Time // its first attempt
	done    time.Time // when it was known to be done
}

// newEra begins at a random number. That is no part of the proof, but makes a number that an earlier era
// has just used unlikely.
func newEra(ctx context.Context, lose context.CancelCauseFunc, b *Barrier, service Service) *era {
	return &era{barrier: b, service: service, ctx: ctx, lose: lose, offset: rand.IntN(b.config.Numbers.count())}
}

func sortedNames(nodes map[string]Node) []string { return slices.Sorted(maps.Keys(nodes)) }

// newest gives the last write, or nil.
func (e *era) newest() *write {
	if len(e.writes) == 0 {
		return nil
	}
	return e.writes[len(e.writes)-1]
}

// wanted reports whether another write is needed: the first one, one after a change that somebody
// waits for, or a second one.
func (e *era) wanted() bool {
	newest := e.newest()
	return newest == nil || e.barrier.highest() >= newest.version || e.after >= newest.order
}

// advance makes the next write, if it is wanted and may be made.
func (e *era) advance() {
	if e.busy || e.ctx.Err() != nil || !e.wanted() {
		return
	}
	e.busy = true
	if pause := time.Until(e.last.Add(e.pause())); pause > 0 {
		e.work.Go(func() { e.turn(pause) })
		return
	}
	number, err := e.next()
	if err != nil {
		e.lose(err)
		return
	}
	e.barrier.begun++
	w := &write{order: e.barrier.begun, number: number, began: time.Now()}
	slice := Slice{Number: number}
	if newest := e.newest(); newest != nil {
		slice.Version = newest.lock
	}
	e.work.Go(func() { e.write(w, slice) })
}

// next listens for the next number: a node may show it before its write is known to be done.
func (e *era) next() (uint16, error) {
	numbers := e.barrier.config.Numbers
	for e.used < numbers.count() {
		number := numbers.at(e.offset + e.used)
		e.used++
		err := e.barrier.config.Beacon.Listen(number)
		if err == nil {
			e.pending = number
			return number, nil
		}
		if !errors.Is(err, ErrTaken) {
			return 0, err
		}
	}
	if e.newest() == nil {
		return 0, fmt.Errorf("ports %v: %w", numbers, ErrTaken)
	}
	return 0, errSpent
}

func (e *era) pause() time.Duration {
	return min(max(minPause, time.Duration(len(e.barrier.nodes))*perNode), syncPeriod)
}

// turn waits until the slice may be written again.
func (e *era) turn(pause time.Duration) {
	e.sleep(pause)
	e.barrier.mu.Lock()
	defer e.barrier.mu.Unlock()
	e.busy = false
	e.advance()
}

// write repeats the same write until it is known to be done. If an answer was lost, the next attempt finds
// the write done, but not at which version: all that is known is that it came after the write before.
func (e *era) write(w *write, slice Slice) {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		version, err := e.barrier.config.Store.Write(e.ctx, e.service, slice)
		if err == nil {
			w.version, w.lock = version, version
			break
		}
		if errors.Is(err, ErrFound) {
			w.version, w.lock = slice.Version, version
			break
		}
		if errors.Is(err, ErrLost) || errors.Is(err, ErrAltered) {
			e.lose(fmt.Errorf("writing number %d: %w", slice.Number, err))
			return
		}
		e.barrier.config.Log.Warn("barrier: writing a number", "number", slice.Number, "error", err)
		if !e.sleep(pause) {
			return
		}
	}
	e.barrier.mu.Lock()
	defer e.barrier.mu.Unlock()
	w.done = time.Now()
	e.busy, e.last = false, w.done
	e.writes = append(e.writes, w)
	if len(e.writes) > keptNumbers {
		e.barrier.config.Beacon.Forget(e.writes[0].number)
		e.writes = slices.Delete(e.writes, 0, 1)
	}
	e.ask()
	e.advance()
}

// ask has every node asked that has not shown the last write.
func (e *era) ask() {
	newest := e.newest()
	if newest == nil || e.ctx.Err() != nil {
		return
	}
	for _, m := range e.barrier.members {
		if m.due.IsZero() && m.shown != newest {
			m.due, m.problem = time.Now(), ""
		}
		if m.here && !m.polled && m.shown != newest {
			m.polled = true
			e.work.Go(func() { e.poll(m) })
		}
	}
}

// shows gives the write that number stands for, and the one after it. It is nil for one that is too
// long ago, and for one that is not known to be done.
func (e *era) shows(number uint16) (shown, next *write) {
	for i, w := range e.writes {
		if w.number == number {
			if i+1 < len(e.writes) {
				next = e.writes[i+1]
			}
			return w, next
		}
	}
	return nil, nil
}

// forget ends listening, when nothing works any more.
func (e *era) forget() {
	for _, w := range e.writes {
		e.barrier.config.Beacon.Forget(w.number)
	}
	e.barrier.config.Beacon.Forget(e.pending)
}

func (e *era) sleep(d time.Duration) bool {
	select {
	case <-e.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
