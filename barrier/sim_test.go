package barrier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// world is a cluster in small: one ordered log of slice writes, and kube-proxies that follow
// it as slowly and as oddly as real ones may.
type world struct {
	mu      sync.Mutex
	rand    *rand.Rand
	log     []object
	eras    int
	proxies map[netip.Addr]*proxy
	refuse  func() error // what comes of the next write, before it is done; nil: it is done
	mislay  func() error // what comes of the next write, though it is done
}

// object is one version of one slice. Its place in the log plus one is its resourceVersion.
type object struct {
	key    string
	era    string
	counts map[string]int
}

func newWorld(seed uint64) *world {
	return &world{
		rand:    rand.New(rand.NewPCG(seed, seed)),
		proxies: map[netip.Addr]*proxy{},
		refuse:  func() error { return nil },
		mislay:  func() error { return nil },
	}
}

// change writes a pod's slice and gives its resourceVersion.
func (w *world) change(key string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.append(object{key: key})
}

func (w *world) append(o object) uint64 {
	w.log = append(w.log, o)
	return uint64(len(w.log))
}

func (w *world) last(key string) uint64 {
	for i := len(w.log) - 1; i >= 0; i-- {
		if w.log[i].key == key {
			return uint64(i + 1)
		}
	}
	return 0
}

func (w *world) Open(context.Context) (Service, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refuse(); err != nil {
		return Service{}, err
	}
	w.eras++
	return Service{Namespace: "zz", Name: fmt.Sprintf("era-%d", w.eras), Port: 30000}, nil
}

func (w *world) Write(_ context.Context, service Service, slice Slice) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refuse(); err != nil {
		return 0, err
	}
	key := fmt.Sprintf("zz/%s-%d", service.Name, slice.Index)
	counts := map[string]int{}
	for _, count := range slice.Counts {
		counts[count.Node] = count.Count
	}
	if last := w.last(key); last != slice.Version {
		if maps.Equal(w.log[last-1].counts, counts) {
			return last, nil
		}
		return 0, ErrLost
	}
	version := w.append(object{key: key, era: service.Name, counts: counts})
	return version, w.mislay()
}

func (w *world) Ask(_ context.Context, node netip.Addr, service Service) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.proxies[node]
	if p == nil || p.stalled || p.programmed == nil {
		return 0, errors.New("no answer")
	}
	sum := 0
	for _, version := range p.programmed {
		if o := w.log[version-1]; o.era == service.Name {
			sum += o.counts[p.name]
		}
	}
	return sum, nil
}

// proxy is one kube-proxy.
type proxy struct {
	name      string
	unordered bool
	stalled   bool // neither reads, nor syncs, nor answers
	cut       bool // no longer reads

	cursor     int               // how much of the log it has read
	queue      []uint64          // what it has read and not yet taken in
	taken      map[string]uint64 // what the next sync will program, by key
	programmed map[string]uint64 // what its rules hold; nil before the first sync
	rules      map[string]uint64 // the same, but outlives a restart
	dirty      bool              // taken differs from programmed
	synced     time.Time
}

func (w *world) addProxy(i int, unordered bool) Node {
	node := Node{Name: fmt.Sprintf("node%03d", i), Address: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Ready: true, Unordered: unordered}
	p := &proxy{name: node.Name, unordered: unordered, taken: map[string]uint64{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proxies[node.Address] = p
	return node
}

// run lets every kube-proxy take a step every 4 ms.
func (w *world) run(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(4 * time.Millisecond)
		w.mu.Lock()
		for _, p := range w.sorted() {
			if !p.stalled {
				p.step(w)
			}
		}
		w.mu.Unlock()
	}
}

func (w *world) sorted() []*proxy {
	return slices.SortedFunc(maps.Values(w.proxies), func(a, b *proxy) int { return strings.Compare(a.name, b.name) })
}

func (p *proxy) step(w *world) {
	if !p.cut && w.rand.IntN(3) == 0 {
		for p.cursor < len(w.log) {
			p.cursor++
			p.queue = append(p.queue, uint64(p.cursor))
		}
	}
	for len(p.queue) > 0 && w.rand.IntN(2) > 0 {
		version := p.queue[0]
		p.queue = p.queue[1:]
		key := w.log[version-1].key
		p.dirty = p.dirty || p.taken[key] != version
		p.taken[key] = version
	}
	starting := p.programmed == nil
	if starting && (len(p.queue) > 0 || p.cut) {
		return
	}
	if starting || p.dirty && time.Since(p.synced) >= time.Second {
		p.programmed = maps.Clone(p.taken)
		p.rules, p.synced, p.dirty = p.programmed, time.Now(), false
	}
}

// relist has p read everything anew, in the order in which its client hands it over.
func (p *proxy) relist(w *world) {
	newest := map[string]uint64{}
	for i, o := range w.log {
		newest[o.key] = uint64(i + 1)
	}
	keys := slices.Sorted(maps.Keys(newest))
	if p.unordered {
		w.rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	}
	for _, key := range keys {
		p.queue = append(p.queue, newest[key])
	}
	p.cursor, p.cut = len(w.log), false
}

// restart ends p and starts it again; its rules stay as they are until its first sync.
func (p *proxy) restart(w *world) {
	p.queue, p.taken, p.programmed, p.stalled = nil, map[string]uint64{}, nil, false
	p.relist(w)
}
