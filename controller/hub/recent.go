package hub

import (
	"context"
	"errors"
	"sync"
	"time"
)

// retryAfter is how long a question that failed is not asked again.
const retryAfter = maxBehind / 4

// recent is an answer that must be no older than maxBehind. One asks at a time, for all who wait.
type recent[T any] struct {
	turn chan struct{} // holds one while somebody asks

	mu     sync.Mutex
	value  T
	at     time.Time // when the question began whose answer value is
	err    error     // of the last question, if it failed
	failed time.Time // when
}

func newRecent[T any]() *recent[T] { return &recent[T]{turn: make(chan struct{}, 1)} }

// keepAnswer takes in an answer to a question of that time.
func (r *recent[T]) keepAnswer(value T, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.After(r.at) {
		r.value, r.at = value, at
	}
}

func (r *recent[T]) now() (value T, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.failed) < retryAfter {
		err = r.err
	}
	return r.value, time.Since(r.at) <= maxBehind, err
}

func (r *recent[T]) idle() bool {
	_, ok, err := r.now()
	return !ok && err == nil && len(r.turn) == 0
}

var errNotInTime = errors.New("not known in time")

// get gives the answer; asked says that there was none yet that is recent. An error tells why there
// is none before ctx is done.
func (r *recent[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (value T, asked bool, err error) {
	if value, ok, _ := r.now(); ok {
		return value, false, nil
	}
	if ctx.Err() != nil { // select may choose the turn all the same
		return value, true, errNotInTime
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return value, true, errNotInTime
	}
	if value, ok, err := r.now(); ok || err != nil {
		if ok {
			err = nil
		}
		return value, true, err
	}
	// It is asked for all: the caller may go meanwhile.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxBehind)
	defer cancel()
	began := time.Now()
	if value, err = ask(ctx); err == nil {
		r.keepAnswer(value, began)
		return value, true, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.failed = err, time.Now()
	return value, true, err
}
