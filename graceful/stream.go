package graceful

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// streamPace is the time between two streams that are told to end, if there is time enough.
const streamPace = 5 * time.Millisecond

// streams are responses and connections that last until somebody ends them.
type streams struct {
	mu    sync.Mutex
	open  map[*stream]struct{}
	ended bool
	empty chan struct{} // closed when none is open after they were told to end
}

type stream struct {
	once sync.Once
	end  func()
}

// Stream makes known a response or connection that lasts: server-sent events, a WebSocket. When the
// group drains, end is called once, in a goroutine of its own, and makes the stream end: by a close frame
// with 1001, or by a channel that the handler selects on. The handler defers done; the group waits for
// it. If the group drains already, end is called at once.
func (g *Group) Stream(end func()) (done func()) {
	s := &stream{end: end}
	all := &g.streams
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.open == nil {
		all.open = map[*stream]struct{}{}
	}
	all.open[s] = struct{}{}
	if all.ended {
		go s.once.Do(s.end)
	}
	return func() { all.done(s) }
}

func (all *streams) done(s *stream) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.open, s)
	if len(all.open) == 0 && all.empty != nil {
		close(all.empty)
		all.empty = nil
	}
}

// endAll tells all streams to end, one after the other, and waits for them. The last is told when the
// spread is over, a quarter of ctx's time if that is zero.
func (all *streams) endAll(ctx context.Context, spread time.Duration) error {
	all.mu.Lock()
	var told []*stream
	for s := range all.open {
		told = append(told, s)
	}
	all.mu.Unlock()
	if end, ok := ctx.Deadline(); ok && spread <= 0 {
		spread = time.Until(end) / 4
	}
	pace := streamPace
	if n := len(told); n > 0 {
		pace = min(pace, spread/time.Duration(n))
	}
	begin := time.Now()
	for i, s := range told {
		if ahead := time.Duration(i)*pace - time.Since(begin); ahead > 0 {
			sleep(ctx, ahead)
		}
		go s.once.Do(s.end)
	}

	all.mu.Lock()
	all.ended = true
	empty := make(chan struct{})
	for s := range all.open { // those that came in the meantime
		go s.once.Do(s.end)
	}
	if len(all.open) == 0 {
		close(empty)
	} else {
		all.empty = empty
	}
	all.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		all.mu.Lock()
		defer all.mu.Unlock()
		return fmt.Errorf("%d streams were told to end and have not: %w", len(all.open), context.Cause(ctx))
	}
}
