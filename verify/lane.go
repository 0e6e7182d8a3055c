package verify

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// A worker that is free takes the next request of the schedule and sleeps until it is due: no
// goroutine hands work to another, which would cost a wake-up a request. spare bounds how many
// of them sleep.
const spare = 8

// lane sends the requests of one schedule to one target, open loop.
type lane struct {
	name    string
	prefix  string // of the requests' ids
	target  Target
	pacer   pacer
	tally   *tally
	sent    *atomic.Int64 // by all lanes
	limit   int           // requests in flight
	timeout time.Duration // from the intended start
	hold    time.Duration // that a request lasts after it was answered
	start   time.Time
	stop    <-chan struct{} // closed when end is set

	end     atomic.Int64 // no request is intended at or after it; from the start
	next    atomic.Int64 // request of the schedule
	workers atomic.Int64
	armed   atomic.Int64 // workers that have no request in flight
	wg      sync.WaitGroup
}

// run sends until end, and returns when every request was answered, lost, or counted as unsent.
// When ctx ends, the requests in flight are given up and not counted.
func (l *lane) run(ctx context.Context) {
	l.spawn(ctx)
	l.wg.Wait()
}

// finish sets the end: what is intended before it is still sent.
func (l *lane) finish(end time.Duration) { l.end.Store(int64(end)) }

func (l *lane) spawn(ctx context.Context) {
	l.workers.Add(1)
	l.armed.Add(1)
	l.wg.Add(1)
	go l.work(ctx)
}

func (l *lane) work(ctx context.Context) {
	defer l.wg.Done()
	defer l.workers.Add(-1)
	defer l.armed.Add(-1)
	for {
		n := l.next.Add(1) - 1
		at := l.pacer.At(n)
		l.sleep(ctx, at, n)
		if aborted(ctx) || int64(at) >= l.endsAt() {
			return
		}
		// The last one to leave the bench makes sure that the next request has a worker.
		if l.armed.Add(-1) == 0 && l.workers.Load() < int64(l.limit) {
			l.spawn(ctx)
		}
		l.send(ctx, n, at)
		if l.armed.Add(1) > spare {
			return
		}
	}
}

func (l *lane) endsAt() int64 {
	if end := l.end.Load(); end > 0 {
		return end
	}
	return math.MaxInt64
}

// sleep waits until request n is due, or the end is set.
func (l *lane) sleep(ctx context.Context, at time.Duration, n int64) {
	wait := l.pacer.Wait(time.Since(l.start), n)
	switch {
	case wait <= 0:
	case wait < 100*time.Millisecond: // not worth a channel
		time.Sleep(wait)
	default:
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-l.stop:
			l.sleepOut(ctx, at, timer)
		case <-ctx.Done():
		}
	}
}

// sleepOut goes on with a sleep after the end was set, if the request still falls before it.
func (l *lane) sleepOut(ctx context.Context, at time.Duration, timer *time.Timer) {
	if int64(at) >= l.endsAt() {
		return
	}
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (l *lane) send(ctx context.Context, n int64, at time.Duration) {
	o := &shotResult{intended: at, began: time.Since(l.start)}
	o.shot.ID = l.prefix + strconv.FormatInt(n, 10)
	if o.began >= at+l.patience() {
		o.ended, o.err = o.began, l.unsent()
		l.tally.count(o)
		return
	}
	l.sent.Add(1)
	o.shot.AnswerBy = l.start.Add(at + l.timeout)
	requestCtx, cancel := context.WithDeadline(ctx, o.shot.AnswerBy.Add(l.hold))
	o.err = l.target.Send(requestCtx, &o.shot)
	cancel()
	o.ended = time.Since(l.start)
	if o.err != nil && aborted(ctx) {
		return
	}
	l.tally.count(o)
}

// patience is how late a request may begin; one that is sent has at least as long for its answer.
func (l *lane) patience() time.Duration { return l.timeout / 2 }

// unsent says why a request could not be sent in time.
func (l *lane) unsent() error {
	if l.workers.Load() >= int64(l.limit) {
		return &unsentError{report.Unsent, fmt.Sprintf("not begun within %v: as many requests in flight as allowed, %d", l.patience(), l.limit)}
	}
	return &unsentError{report.Late, fmt.Sprintf("not begun within %v: the load generator itself was too slow", l.patience())}
}
