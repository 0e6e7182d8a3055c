package graceful

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Run starts the servers and workers, and returns when they have stopped: after a signal, when ctx is
// done, or when a server or worker has failed. It returns nil if everything finished after a signal or
// ctx; otherwise the error says what failed, and what did not finish in time.
func (g *Group) Run(ctx context.Context) error {
	if g.began.Swap(true) {
		return errors.New("graceful: this group has run already: make a new one")
	}
	times, err := g.schedule()
	if err != nil {
		return err
	}
	g.times = times
	signals := make(chan os.Signal, 2)
	if wanted := g.signals(); len(wanted) > 0 {
		signal.Notify(signals, wanted...)
		defer signal.Stop(signals)
	}
	force, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	r := &run{Group: g, force: force, failed: make(chan error, len(g.servers)+len(g.workers))}
	r.start()

	var failure error
	signalled := false
	select {
	case s := <-signals:
		r.why, signalled = s.String(), true
	case <-ctx.Done():
		r.why = context.Cause(ctx).Error()
	case failure = <-r.failed:
		r.why = failure.Error()
	}
	r.since = time.Now()
	r.waitEnd = r.since
	if failure == nil { // otherwise no router was told, and there is none to wait for
		r.waitEnd = r.since.Add(r.times.wait)
	}
	r.stopping.Store(true)
	stopped := make(chan struct{})
	defer close(stopped)
	go func() {
		for {
			select {
			case s := <-signals:
				if signalled {
					cancel(fmt.Errorf("graceful: a second signal: %v", s))
					return
				}
				signalled = true // perhaps what has ended ctx, as signal.NotifyContext does
			case <-stopped:
				return
			}
		}
	}()
	return errors.Join(failure, r.stop())
}

func (g *Group) signals() []os.Signal {
	if g.Signals == nil {
		return []os.Signal{syscall.SIGTERM, os.Interrupt}
	}
	return g.Signals
}

// run is a group's one run.
type run struct {
	*Group
	why    string // it stops
	since  time.Time
	force  context.Context // done at once on a second signal
	failed chan error

	serving    tasks
	working    tasks
	endWorkers context.CancelCauseFunc
	summary    summary
}

// start starts everything, servers last: a request may need the workers.
func (r *run) start() {
	workers, cancel := context.WithCancelCause(r.force)
	r.endWorkers = cancel
	for _, w := range r.workers {
		r.launch(&r.working, "worker "+w.name, func() error {
			err := w.is(workers)
			if workers.Err() != nil && errors.Is(err, context.Canceled) {
				return nil // as it was asked to
			}
			return err
		})
	}
	for _, s := range r.servers {
		r.launch(&r.serving, s.name, s.is.Serve)
	}
}

// launch runs a part of the group; its first error before the group stops is what stops it.
func (r *run) launch(all *tasks, name string, do func() error) {
	all.run(name, func() error {
		err := do()
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			select {
			case r.failed <- err:
			default:
			}
		}
		return err
	})
}

// stop goes through the phases.
func (r *run) stop() error {
	r.summary.inFlight = r.InFlight()
	defer r.endWorkers(nil)

	r.phase("lame duck", r.times.lameDuck, func(ctx context.Context) report {
		var all tasks
		for _, s := range r.servers {
			all.run("", func() error { s.is.LameDuck(ctx); return nil })
		}
		all.run("", func() error { sleep(ctx, time.Until(r.waitEnd)); return nil })
		return all.wait(ctx, r.times.moment)
	})
	r.phase("drain", r.times.drain, func(ctx context.Context) report {
		var all tasks
		for _, s := range r.servers {
			all.run(s.name, func() error { return s.is.Drain(ctx) })
		}
		all.run("streams", func() error { return r.streams.endAll(ctx, r.Spread) })
		seen := all.wait(ctx, r.times.moment)
		_ = r.serving.wait(ctx, 0) // what failed was told of at the time
		return seen
	})
	r.phase("workers", r.times.workers, func(ctx context.Context) report {
		r.endWorkers(&cause{phase: "workers", why: r.why})
		return r.working.wait(ctx, 0)
	})
	r.phase("closers", r.times.last, func(ctx context.Context) (seen report) {
		for i := len(r.closers) - 1; i >= 0 && r.force.Err() == nil; i-- {
			seen.add(r.closeOne(ctx, r.closers[i], i+1))
		}
		return seen
	})
	err := r.summary.err()
	if r.force.Err() != nil {
		err = errors.Join(context.Cause(r.force), err)
	}
	r.summary.write(r.logger(), r.why, time.Since(r.since), err)
	return err
}

// closeOne gives a closer its share of the time, so that one that hangs leaves some to the others.
func (r *run) closeOne(ctx context.Context, c member[func(context.Context) error], left int) report {
	end, _ := ctx.Deadline()
	share := time.Until(end) / time.Duration(left)
	ctx, cancel := context.WithTimeoutCause(ctx, share, &cause{phase: "closers", why: r.why, limit: share})
	defer cancel()
	var one tasks
	one.run("closer "+c.name, func() error { return c.is(ctx) })
	return one.wait(ctx, 0)
}

// phase runs one phase, which ends at the latest the given time after the signal, or on a second one. The
// next ones still run then, with a context that is done: servers close, and workers are told.
func (r *run) phase(name string, end time.Duration, do func(context.Context) report) {
	begin := time.Now()
	limit := time.Until(r.since.Add(end))
	ctx, cancel := context.WithDeadlineCause(r.force, r.since.Add(end), &cause{phase: name, why: r.why, limit: limit})
	defer cancel()
	seen := do(ctx)
	r.summary.add(name, time.Since(begin), seen)
}

// cause is why a context of a phase ended.
type cause struct {
	phase, why string
	limit      time.Duration // zero: the phase began
}

func (c *cause) Error() string {
	if c.limit == 0 {
		return fmt.Sprintf("graceful: stopping the %s: %s", c.phase, c.why)
	}
	return fmt.Sprintf("graceful: the phase %q has used up its %v: %s", c.phase, c.limit.Round(time.Millisecond), c.why)
}

func (c *cause) Unwrap() error {
	if c.limit == 0 {
		return context.Canceled
	}
	return context.DeadlineExceeded
}
