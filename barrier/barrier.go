package barrier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// Store keeps the barrier's Service and slices in the cluster.
type Store interface {
	// Open makes a Service of a name never used before, and removes those of earlier eras.
	Open(ctx context.Context) (Service, error)
	// Write creates or replaces one slice and gives the resourceVersion of the write. An
	// error that wraps ErrLost means that somebody else changed or removed the slice, one that
	// wraps ErrAltered that the cluster does not keep it as written; after any other error the
	// same write may be repeated.
	Write(ctx context.Context, service Service, slice Slice) (uint64, error)
}

// Asker asks one kube-proxy how many endpoints the Service has on its node.
type Asker interface {
	Ask(ctx context.Context, node netip.Addr, service Service) (int, error)
}

// ErrLost means that the barrier's objects are not as it last wrote them.
var ErrLost = errors.New("changed or removed by somebody else")

// ErrAltered means that the cluster does not keep the barrier's objects as they are written, for
// instance because of an admission policy: trying again soon would not help.
var ErrAltered = errors.New("altered on its way into the cluster")

func notAsWritten(what string) error {
	return fmt.Errorf("%s is not as it was written: except the namespace from the admission policy or webhook that changes it: %w", what, ErrAltered)
}

// Service is the barrier's Service of one era.
type Service struct {
	Namespace, Name, UID string
	Port                 uint16 // its healthCheckNodePort
}

// Slice is what one EndpointSlice is to hold.
type Slice struct {
	Index   int
	Version uint64 // of the last write; zero if the slice is yet to be created
	Counts  []Count
}

// Count is how many endpoints a node gets. Its Slot is the node's own within the slice.
type Count struct {
	Node  string
	Slot  int
	Count int
}

// Change is what the nodes must have programmed.
type Change struct {
	ResourceVersion uint64
	// Late: the changed object's key sorts after those of the barrier's slices, so that a
	// kube-proxy that relists may take in the barrier's write first.
	Late bool
}

// Config of a Barrier. The zero value of each field but Store and Asker has a default.
type Config struct {
	Store Store
	Asker Asker
	Log   *slog.Logger
	// Timeout bounds one pass; what has not passed then is named. Default 25 s: the default
	// budget keeps 30 s for confirming.
	Timeout time.Duration
	// Parallel bounds the questions that are open at once. Default 256.
	Parallel int
	// Observe, if set, is called with the time from each write to its acknowledgement.
	Observe func(ack time.Duration)
	// Failed, if set, is called each time that the barrier has to start over.
	Failed func(err error)
}

// Barrier serves all passes in progress with the same writes.
type Barrier struct {
	config Config
	tokens chan struct{}

	mu      sync.Mutex
	era     *era
	problem error // why there is no era; nil if there is one
	nodes   map[string]Node
	waiters map[*waiter]struct{}
}

// New gives a Barrier; it works while Run does.
func New(config Config) *Barrier {
	config.Timeout = cmp.Or(config.Timeout, 25*time.Second)
	config.Parallel = cmp.Or(config.Parallel, 256)
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Barrier{
		config:  config,
		tokens:  make(chan struct{}, config.Parallel),
		nodes:   map[string]Node{},
		waiters: map[*waiter]struct{}{},
	}
}

// How soon a barrier that failed starts over: after firstPause, then ever later, up to lastPause,
// or alteredPause where only a person can help.
const (
	firstPause   = time.Second
	lastPause    = 30 * time.Second
	alteredPause = 5 * time.Minute
)

// Run keeps an era going, and begins another when one is lost. It returns when ctx is done.
func (b *Barrier) Run(ctx context.Context) error {
	for pause := firstPause; ; {
		began := time.Now()
		err := b.runEra(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the era ended since it was told to
		}
		if time.Since(began) > time.Minute {
			pause = firstPause
		}
		b.failed(err, pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		limit := lastPause
		if errors.Is(err, ErrAltered) {
			limit = alteredPause
		}
		pause = min(2*pause, limit)
	}
}

func (b *Barrier) failed(err error, pause time.Duration) {
	b.mu.Lock()
	b.problem = err
	b.mu.Unlock()
	b.config.Log.Warn("barrier: starting over", "in", pause, "error", err)
	if b.config.Failed != nil {
		b.config.Failed(err)
	}
}

func (b *Barrier) runEra(ctx context.Context) error {
	service, err := b.config.Store.Open(ctx)
	if err != nil {
		return fmt.Errorf("opening the barrier's Service: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e := &era{barrier: b, service: service, ctx: ctx, lose: cancel, members: map[string]*member{}}

	b.mu.Lock()
	for _, name := range sortedNames(b.nodes) {
		e.join(b.nodes[name]).founder = true
	}
	b.era, b.problem = e, nil
	e.advance()
	b.mu.Unlock()
	b.config.Log.Info("barrier: new era", "service", service.Name, "port", service.Port, "nodes", len(e.members))

	<-ctx.Done()
	b.mu.Lock()
	b.era = nil
	b.mu.Unlock()
	e.work.Wait()
	return context.Cause(ctx)
}

// SetNodes sets which nodes there are now.
func (b *Barrier) SetNodes(nodes []Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := make(map[string]Node, len(nodes))
	for _, node := range nodes {
		known[node.Name] = node
	}
	for name := range b.nodes {
		if _, still := known[name]; !still {
			b.left(name)
		}
	}
	b.nodes = known
	if b.era == nil {
		return
	}
	for _, name := range sortedNames(known) {
		b.era.join(known[name])
	}
	b.era.advance()
}

// left takes a node out of every pass that waits for it: its Node object is gone, and with it the
// address to ask it at.
func (b *Barrier) left(name string) {
	if b.era != nil {
		if m := b.era.members[name]; m != nil {
			m.here = false
		}
	}
	for w := range b.waiters {
		delete(w.pending, name)
		b.endIfDone(w)
	}
}
