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

// Store keeps the barrier's Services and slice in the cluster.
type Store interface {
	// Open makes the Services of an era, of names never used before, and removes those of earlier eras.
	Open(ctx context.Context) (Service, error)
	// Write creates or replaces the slice and gives the resourceVersion of the write. An
	// error that wraps ErrLost means that somebody else changed or removed the slice, one that
	// wraps ErrAltered that the cluster does not keep it as written, ErrFound that an earlier attempt
	// wrote it; after any other error the same write may be repeated.
	Write(ctx context.Context, service Service, slice Slice) (uint64, error)
}

// Beacon is where the Service's NodePort leads.
type Beacon interface {
	// Listen has connections to number arrive; ErrTaken if something else listens there.
	Listen(number uint16) error
	// Forget ends that.
	Forget(number uint16)
	// Ask gives the number to which node's rules lead at the NodePort.
	Ask(ctx context.Context, node netip.AddrPort) (number uint16, err error)
}

// Kinds tells which kind of proxy a node has.
type Kinds interface {
	// Identify returns nil if a kube-proxy has programmed service.Kind at node.
	Identify(ctx context.Context, node netip.Addr, service Service) error
}

var (
	// ErrLost means that the barrier's objects are not as it last wrote them.
	ErrLost = errors.New("changed or removed by somebody else")
	// ErrAltered means that the cluster does not keep the barrier's objects as they are written, for
	// instance because of an admission policy: trying again soon would not help.
	ErrAltered = errors.New("altered on its way into the cluster")
	// ErrFound means that the slice is as an attempt wrote it whose answer was lost. Its version may be that
	// of somebody else's write since: the next write needs it, but it proves nothing.
	ErrFound = errors.New("written by an attempt whose answer was lost")
	// ErrNoAddress means that this process has no address of the barrier's family.
	ErrNoAddress = errors.New("the controller's pod has no address of this family: give it one, as the nodes have")
	// ErrUnproved means that a node's answer comes from a proxy for which there is no proof.
	ErrUnproved = errors.New("its answers are no proof")
	// ErrTaken means that something else listens on a port.
	ErrTaken = errors.New("something else listens on this port")

	errSpent = errors.New("all numbers were used")
)

func notAsWritten(what string) error {
	return fmt.Errorf("%s is not as it was written: except the namespace from the admission policy or webhook that changes it: %w", what, ErrAltered)
}

// Service is what an era has in the cluster.
type Service struct {
	Namespace, Name, UID string
	Port                 uint16 // its NodePort
	// Kind is the name of a second Service, made after the first, and KindPort its healthCheckNodePort.
	Kind     string
	KindPort uint16
}

// Slice is what the Service's EndpointSlice is to hold.
type Slice struct {
	Number  uint16
	Version uint64 // of the last write; zero if the slice is yet to be created
}

// Change is what the nodes must have programmed.
type Change struct {
	ResourceVersion uint64
	// Late: the changed object's key sorts after that of the barrier's slice, so that a
	// kube-proxy that relists may take in the barrier's write first.
	Late bool
}

// Config of a Barrier. The zero value of each field but Store, Beacon and Kinds has a default.
type Config struct {
	Store  Store
	Beacon Beacon
	Kinds  Kinds
	Log    *slog.Logger
	// Numbers are the ports that serve as numbers. Default 20000-29999.
	Numbers Numbers
	// Timeout bounds one pass; what has not passed then is named. Default 25 s: the default
	// budget keeps 30 s for confirming.
	Timeout time.Duration
	// Parallel bounds the questions that are open at once. Default 256.
	Parallel int
	// Observe, if set, is called with the time from each write to when a node showed it.
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
	problem error  // why there is no era; nil if there is one, or soon will be
	begun   uint64 // how many writes were begun, in all eras
	opened  bool   // there has been an era
	nodes   map[string]Node
	members map[string]*member // also those that have left
	waiters map[*waiter]struct{}
}

// New gives a Barrier; it works while Run does.
func New(config Config) *Barrier {
	config.Timeout = cmp.Or(config.Timeout, 25*time.Second)
	config.Parallel = cmp.Or(config.Parallel, 256)
	config.Numbers = cmp.Or(config.Numbers, DefaultNumbers)
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Barrier{
		config:  config,
		tokens:  make(chan struct{}, config.Parallel),
		nodes:   map[string]Node{},
		members: map[string]*member{},
		waiters: map[*waiter]struct{}{},
	}
}

// How soon a barrier that failed starts over: after firstPause, then ever later, up to lastPause,
// or personPause where only a person can help.
const (
	firstPause  = time.Second
	lastPause   = 30 * time.Second
	personPause = 5 * time.Minute
)

// Run keeps an era going, and begins another when one ends. It returns when ctx is done.
func (b *Barrier) Run(ctx context.Context) error {
	for pause := firstPause; ; {
		began := time.Now()
		err := b.runEra(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the era ended since it was told to
		}
		if errors.Is(err, errSpent) {
			b.config.Log.Info("barrier: a new era", "because", err)
			continue
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
		if errors.Is(err, ErrAltered) || errors.Is(err, ErrNoAddress) {
			limit = personPause
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
	e := newEra(ctx, cancel, b, service)

	b.mu.Lock()
	for _, m := range b.members {
		m.begin()
		m.founder = m.founder || !b.opened
	}
	b.era, b.problem, b.opened = e, nil, true
	e.advance()
	nodes := len(b.nodes)
	b.mu.Unlock()
	b.config.Log.Info("barrier: new era", "service", service.Name, "port", service.Port, "nodes", nodes)

	<-ctx.Done()
	b.mu.Lock()
	b.era = nil
	b.mu.Unlock()
	e.work.Wait()
	e.forget()
	return context.Cause(ctx)
}

// maxLeft is how many members may have left, beside as many as there are nodes, before all of these are forgotten.
const maxLeft = 300

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
	for name, node := range known {
		m := b.members[name]
		if m == nil {
			m = &member{nudge: make(chan struct{}, 1)}
			b.members[name] = m
		}
		if !m.here || m.node.Address != node.Address {
			m.arrive()
		}
		m.node, m.ruled = node, m.ruled || node.Ready
	}
	if len(b.members) > 2*len(known)+maxLeft {
		for name, m := range b.members {
			if !m.here && !m.polled {
				delete(b.members, name)
			}
		}
	}
	if b.era != nil {
		b.era.advance()
		b.era.ask()
	}
}

// left takes a node out of every pass that waits for it: its Node object is gone, and with it the
// address to ask it at.
func (b *Barrier) left(name string) {
	b.members[name].here = false
	for w := range b.waiters {
		delete(w.pending, name)
		b.endIfDone(w)
	}
}
