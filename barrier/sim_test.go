package barrier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
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
	heard   map[uint16]int // how many listen to a number
	proxies map[netip.Addr]*proxy
	order   []*proxy
	wrong   wrong
	refuse  func() error // what comes of the next write, before it is done; nil: it is done
	mislay  func() error // what comes of the next write, though it is done
}

// wrong is what makes the barrier unsound: the storm must find each of them.
type wrong struct {
	coarse    uint16 // so few numbers, which come round: a node's is taken for the newest that looks like it
	piecemeal bool   // proxies program the beacon first, and everything else later
	ungated   bool   // nodes count though they may not know the era's Services
}

// nodePort is that of every era: the cluster gives it out again as soon as it can.
const nodePort = 30000

// object is one version of one slice. Its place in the log plus one is its resourceVersion.
type object struct {
	key    string
	era    int
	number uint16
}

func newWorld(seed uint64) *world {
	return &world{
		rand:    rand.New(rand.NewPCG(seed, seed)),
		heard:   map[uint16]int{},
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
	name := fmt.Sprintf("era-%d", w.eras)
	return Service{Namespace: "zz", Name: name, UID: strconv.Itoa(w.eras), Port: nodePort, Kind: name + "-kind"}, nil
}

func eraOf(service Service) int {
	era, _ := strconv.Atoi(service.UID)
	return era
}

func (w *world) Write(_ context.Context, service Service, slice Slice) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refuse(); err != nil {
		return 0, err
	}
	key := "zz/" + service.Name
	if last := w.last(key); last != slice.Version {
		if w.log[last-1].number == slice.Number {
			return last, ErrFound
		}
		return 0, ErrLost
	}
	version := w.append(object{key: key, era: eraOf(service), number: slice.Number})
	return version, w.mislay()
}

func (w *world) Listen(number uint16) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard[number]++
	return nil
}

func (w *world) Forget(number uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard[number] = max(0, w.heard[number]-1)
}

var errRefused = errors.New("no connection: connection refused")

// Ask follows the node's rules: they may be those of another era, and outlive its kube-proxy.
func (w *world) Ask(_ context.Context, node netip.AddrPort) (uint16, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.proxies[node.Addr()]
	if p == nil || p.gone {
		return 0, errors.New("no connection: timeout")
	}
	number := uint16(0)
	for _, version := range p.rules {
		if o := w.log[version-1]; o.era > 0 && o.era == p.ruled {
			number = o.number
		}
	}
	if w.wrong.coarse > 0 && number > 0 {
		for _, o := range w.log {
			if o.era == p.ruled && o.number%w.wrong.coarse == number%w.wrong.coarse && w.heard[o.number] > 0 {
				number = o.number
			}
		}
	}
	if w.heard[number] == 0 {
		return 0, errRefused
	}
	return number, nil
}

func (w *world) Identify(_ context.Context, node netip.Addr, service Service) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.proxies[node]
	switch {
	case w.wrong.ungated:
		return nil
	case p == nil || p.gone || p.stalled || p.programmed == nil || p.ruled < eraOf(service):
		return errors.New("no answer from kube-proxy")
	}
	return nil
}

// proxy is one kube-proxy.
type proxy struct {
	name      string
	unordered bool
	stalled   bool // neither reads, nor syncs, nor answers; its rules stay
	gone      bool // and with it the node
	cut       bool // no longer reads

	cursor     int               // how much of the log it has read
	queue      []uint64          // what it has read and not yet taken in
	taken      map[string]uint64 // what the next sync will program, by key
	programmed map[string]uint64 // what its rules hold; nil before the first sync
	rules      map[string]uint64 // the same, but outlives a restart
	dirty      bool              // taken differs from programmed
	services   int               // the newest era whose Services it has taken in; it has then dropped all others
	ruled      int               // the era to which the rules give the NodePort
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

// sorted gives the proxies in the order of their names.
func (w *world) sorted() []*proxy {
	if len(w.order) != len(w.proxies) {
		w.order = slices.SortedFunc(maps.Values(w.proxies), func(a, b *proxy) int { return strings.Compare(a.name, b.name) })
	}
	return w.order
}

func (p *proxy) step(w *world) {
	if !p.cut && w.rand.IntN(3) == 0 {
		for p.cursor < len(w.log) {
			p.cursor++
			p.queue = append(p.queue, uint64(p.cursor))
		}
	}
	if !p.cut && p.services < w.eras && w.rand.IntN(3) == 0 {
		p.services, p.dirty = w.eras, true
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
		p.ruled, p.synced, p.dirty = p.services, time.Now(), false
		if w.wrong.piecemeal && !starting {
			p.piecemeal(w)
		} else {
			p.rules = p.programmed
		}
	}
}

// piecemeal programs the beacon now, and the rest in a moment.
func (p *proxy) piecemeal(w *world) {
	rules := maps.Clone(p.rules)
	for key, version := range p.programmed {
		if w.log[version-1].era > 0 {
			rules[key] = version
		}
	}
	all := p.programmed
	p.rules = rules
	time.AfterFunc(200*time.Millisecond, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		p.rules = all
	})
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
	p.services = w.eras
}
