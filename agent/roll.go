package agent

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// roll is the list of peers as the looks have it, for the goroutine that asks the hub about them.
type roll struct {
	mu        sync.Mutex
	addresses []netip.Addr
	all       bool          // the hub has told of each
	looked    chan struct{} // closed with the first list
	once      sync.Once
}

// writeRoll brings the roll up to date when there are more peers, or more is known of them.
func (r *run) writeRoll(learnt bool) {
	if n := len(r.watch.peers.seen); r.watch.looks > 0 && (learnt || n != r.rolled || r.watch.looks == 1) {
		r.rolled = n
		r.roll.write(&r.watch.peers)
	}
}

func (r *roll) write(p *peers) {
	addresses, all := p.list()
	r.mu.Lock()
	r.addresses, r.all = addresses, all
	r.mu.Unlock()
	r.once.Do(func() { close(r.looked) })
}

// read gives the list; it waits a moment for the first.
func (r *roll) read(ctx context.Context) (addresses []netip.Addr, all bool) {
	ctx, cancel := context.WithTimeout(ctx, rollTime)
	defer cancel()
	select {
	case <-r.looked:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addresses, r.all
}

// rollTime is how long the first look may take before the hub is asked without its peers.
const rollTime = 200 * time.Millisecond
