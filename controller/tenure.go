package controller

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// looseWait is how long a call is held while the lease can't be renewed: an agent that asks again
// may find that the hub's Service points to another replica by then.
const looseWait = 2 * time.Second

// tenure is what a leader knows of its lease.
type tenure struct {
	mu   sync.Mutex
	held context.Context // done while the lease can't be renewed
	lose context.CancelFunc
}

func newTenure() *tenure {
	t := &tenure{}
	t.hold()
	return t
}

// hold notes that the lease is renewed again.
func (t *tenure) hold() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held == nil || t.held.Err() != nil {
		t.held, t.lose = context.WithCancel(context.Background())
	}
}

// drop notes that it can't be renewed, and reports whether that is news.
func (t *tenure) drop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held.Err() != nil {
		return false
	}
	t.lose()
	return true
}

func (t *tenure) holds() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held
}

// loosely ends the calls that next holds when the lease can't be renewed, and later ones after
// looseWait. The agent is answered as things stand, and asks again over a new connection.
func (t *tenure) loosely(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		held := t.holds()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		end := func() { time.AfterFunc(looseWait, cancel) }
		if held.Err() == nil {
			end = cancel
		}
		defer context.AfterFunc(held, end)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
