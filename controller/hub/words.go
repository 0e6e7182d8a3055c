package hub

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/controller/routers"
	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/router"
)

// Routers asks the cluster's L7 routers.
type Routers interface {
	// Ask asks each router that may know the pod's address, no more than once a second. hear gets each
	// answer as it comes.
	Ask(ctx context.Context, pod routers.Pod, hear func(routers.Word))
}

const (
	// roundFor bounds one round of questions: routers that hang do not keep the others from being asked again.
	roundFor = 3 * time.Second
	// wordFor is how long a router's word stands when it does not answer any more: longer than a round. That it
	// sends stands for as long as routers may be late.
	wordFor = 5 * time.Second
	// heardFor is how long routers are asked after the last call of an agent that wants to know.
	heardFor = 10 * time.Second
)

// words are what routers have said about a pod.
type words struct {
	said   map[string]*word        // by the router's name
	known  bool                    // the pod was ready for long enough, see routersSay
	news   uint64                  // grows when an agent has to be told of something else; begins anywhere
	peers  map[netip.Addr]struct{} // that its agents have named
	wanted time.Time               // the last call of an agent that wants to know
}

type word struct {
	routers.Word
	since time.Time // it has said the same without a break
}

// stands reports whether it has not lapsed.
func (w *word) stands() bool {
	if w.Use == router.Sends {
		return time.Since(w.At) < termination.CarefulSleep
	}
	return time.Since(w.At) < wordFor
}

// want notes that an agent wants to know, and which peers it has seen.
func (t *Termination) want(peers []netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.words.wanted = time.Now()
	if t.words.peers == nil {
		t.words.peers = map[netip.Addr]struct{}{}
	}
	for _, peer := range peers {
		if len(t.words.peers) < hubapi.MaxPeers {
			t.words.peers[peer] = struct{}{}
		}
	}
}

// askRouters asks the routers, again and again while an agent wants to know, until ctx is done: one that
// has forgotten the pod may learn of it again.
func (t *Termination) askRouters(ctx context.Context) {
	asked := t.hub.config.Routers
	if asked == nil {
		return
	}
	for ctx.Err() == nil {
		began := time.Now()
		if peers, wanted := t.wanted(); wanted {
			pod := routers.Pod{Namespace: t.pod.Namespace, Headless: len(t.hub.config.View.Headless(t.pod)) > 0, Peers: peers}
			for _, ip := range t.pod.IPs {
				if address, err := netip.ParseAddr(ip); err == nil {
					pod.IPs = append(pod.IPs, address)
				}
			}
			round, cancel := context.WithTimeout(ctx, roundFor)
			asked.Ask(round, pod, func(w routers.Word) { t.hearWord(ctx, w) })
			cancel()
		}
		t.lapse()
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(began.Add(askEvery))):
		}
	}
}

func (t *Termination) wanted() (peers []netip.Addr, wanted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.words.peers)), time.Since(t.words.wanted) < heardFor || t.calls > 0 && !t.words.wanted.IsZero()
}

// hearWord takes in what a router said.
func (t *Termination) hearWord(ctx context.Context, w routers.Word) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if t.words.said == nil {
		t.words.said = map[string]*word{}
	}
	before := t.words.said[w.Name]
	now := &word{w, w.At}
	if before != nil && before.Use == w.Use {
		now.since = before.since
	} else {
		t.tellAgents()
	}
	t.words.said[w.Name] = now
}

// lapse forgets the words of routers that do not answer any more, and notes when the pod is known.
func (t *Termination) lapse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := routers.HasSpread(t.object); known != t.words.known {
		t.words.known = known
		t.tellAgents()
	}
	for name, one := range t.words.said {
		if !one.stands() {
			delete(t.words.said, name)
			t.tellAgents()
		}
	}
}

// tellAgents has agents told of something new; the mutex is held.
func (t *Termination) tellAgents() {
	t.words.news++
	t.wake()
}

// routersSay gives what the routers say, as agents are told; the mutex is held. Of one that only keeps what
// is bound to the pod nothing is told: it may send, or not. Nor is any said to have forgotten a pod that
// it may not have heard of yet: one that was not ready for as long as routers may be late. Those that send are told
// first, since not all may be.
func (t *Termination) routersSay() (told []hubapi.Router) {
	var sends, forgot []hubapi.Router
	known := routers.HasSpread(t.object)
	for _, one := range t.words.said {
		said := hubapi.Router{Name: one.Name, Kind: one.Kind, Addresses: one.Addresses}
		switch {
		case !one.stands(), one.Use == router.Bound, one.Use == router.Gone && !known:
			continue
		case one.Use == router.Gone:
			said.ForgotMillis = new(time.Since(one.since).Milliseconds())
			forgot = append(forgot, said)
			continue
		}
		sends = append(sends, said)
	}
	byName := func(a, b hubapi.Router) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(sends, byName)
	slices.SortFunc(forgot, byName)
	told = slices.Concat(sends, forgot)
	return told[:min(len(told), hubapi.MaxRouters)]
}
