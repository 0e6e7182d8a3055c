package graceful

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// tasks are functions that run at the same time. One goroutine starts them and waits for them.
type tasks struct{ all []*task }

type task struct {
	name string // empty: not worth a word
	done chan struct{}
	err  error // valid when done is closed
}

// run starts one.
func (t *tasks) run(name string, do func() error) {
	one := &task{name: name, done: make(chan struct{})}
	t.all = append(t.all, one)
	go func() {
		defer close(one.done)
		one.err = do()
	}()
}

// wait returns when all have ended, or a moment after ctx is done.
func (t *tasks) wait(ctx context.Context, moment time.Duration) (seen report) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		sleep(late, moment)
		cancel()
	})()
	for _, one := range t.all {
		select {
		case <-one.done:
		case <-late.Done():
		}
		select {
		case <-one.done: // also if both were ready
		default:
			if one.name != "" {
				seen.failed = append(seen.failed, fmt.Errorf("%s has not finished: %w", one.name, context.Cause(ctx)))
			}
			continue
		}
		switch {
		case one.err != nil:
			seen.failed = append(seen.failed, fmt.Errorf("%s: %w", one.name, one.err))
		case one.name != "":
			seen.finished = append(seen.finished, one.name)
		}
	}
	return seen
}

// report is how tasks ended.
type report struct {
	finished []string
	failed   []error // or not finished
}

func (r *report) add(other report) {
	r.finished = append(r.finished, other.finished...)
	r.failed = append(r.failed, other.failed...)
}

func (r *report) err() error { return errors.Join(r.failed...) }

// sleep waits, at most until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
