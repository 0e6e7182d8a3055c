// Package routers asks the cluster's L7 routers whether they still send to a pod's address.
//
// A router is asked at its pod's own address, at most once a second for all who want to know, and its
// word is about itself alone.
package routers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/router"
	"github.com/lameduck-dev/lameduck/router/envoy"
	"github.com/lameduck-dev/lameduck/router/haproxy"
	"github.com/lameduck-dev/lameduck/router/traefik"
)

// Kind is a kind of router that can be asked.
type Kind interface {
	// Find finds the API of such a router in a pod's own spec.
	Find(pod *corev1.Pod) (router.API, bool)
	// Ask reads what the router sends to.
	Ask(ctx context.Context, door *router.Door) (*router.Addresses, error)
}

var kinds = map[string]Kind{traefik.Name: traefik.Kind{}, envoy.Name: envoy.Kind{}, haproxy.Name: haproxy.Kind{}}

// Rights knows which ServiceAccounts may read the addresses of a namespace's pods.
type Rights interface {
	// MayRead reports whether an account may; ok is false where that could not be found out.
	MayRead(ctx context.Context, accountNamespace, account, namespace string) (may, ok bool)
}

// Pod is the pod in question.
type Pod struct {
	Namespace string
	IPs       []netip.Addr
	Headless  bool         // a headless Service gives out its address by DNS
	Peers     []netip.Addr // that send to it
}

// Word is what a router said.
type Word struct {
	Name      string // NAMESPACE/NAME of the router's pod
	Kind      string
	Addresses []netip.Addr // of the router's pod
	Use       router.Use   // of the pod's address; Bound also where the router may not have heard of it yet
	At        time.Time    // when it had been said
}

const (
	// askEvery is the least time from the beginning of one call of a router's API to that of the next.
	askEvery = time.Second
	// askFor bounds one call.
	askFor = 2 * time.Second
	// maxError bounds what is logged of an error, which may hold what the router answered.
	maxError = 256
	// maxAsked bounds how many routers are asked about one pod.
	maxAsked = 64
)

// Asker asks routers. It is told of all pods.
type Asker struct {
	index
	kinds  map[string]Kind
	rights Rights
	node   func(netip.Addr) bool
	log    *slog.Logger
	doors  *router.Doors
	turns  turns

	ctx     context.Context
	stop    context.CancelFunc
	working sync.WaitGroup
}

// New gives an Asker; Close ends what it has begun. node reports whether an address is a node's: none of
// these is ever called.
func New(rights Rights, node func(netip.Addr) bool, log *slog.Logger) *Asker {
	ctx, stop := context.WithCancel(context.Background())
	return &Asker{kinds: kinds, rights: rights, node: node, log: log, doors: router.NewDoors(askFor), turns: newTurns(), ctx: ctx, stop: stop}
}

// Close ends the calls that are under way.
func (a *Asker) Close() {
	a.stop()
	a.working.Wait()
}

// Ask asks every router that may know the pod's address once: those that may read it, and the replicas
// of those that send to it. hear gets each word as it comes, one after the other; a router that does not
// answer gives none. Ask returns when all have answered or ctx is done.
func (a *Asker) Ask(ctx context.Context, pod Pod, hear func(Word)) {
	asked := a.choose(ctx, pod)
	words := make(chan *Word)
	for _, one := range asked {
		go func() {
			var word *Word
			if said := a.ask(ctx, one); said.addresses != nil {
				word = &Word{one.name(), one.api.Kind, one.addresses, said.addresses.Of(pod.IPs), said.at}
				byName := pod.Headless && said.addresses.Named // of which DNS may give it the address
				if word.Use == router.Gone && (byName || !spread(one.since)) {
					word.Use = router.Bound // it may not have heard of the pod yet
				}
			}
			words <- word
		}()
	}
	for range asked {
		if word := <-words; word != nil && ctx.Err() == nil {
			hear(*word)
		}
	}
}

// ask gives what a router answers to a call that begins after ask did.
func (a *Asker) ask(ctx context.Context, one *seen) said {
	question, first := one.line.join()
	if first {
		a.working.Go(func() { a.call(one, question) })
	}
	select {
	case <-question.done:
		return question.said
	case <-ctx.Done():
	case <-a.ctx.Done():
	}
	return said{}
}

// call asks a router as soon as it is due.
func (a *Asker) call(one *seen, question *question) {
	defer close(question.done)
	due := time.NewTimer(time.Until(one.line.due()))
	defer due.Stop()
	select {
	case <-due.C:
	case <-a.ctx.Done():
	}
	defer a.turns.takeTurn(one.namespace)()
	one.line.begin()
	ctx, cancel := context.WithTimeout(a.ctx, askFor)
	defer cancel()
	err := errNode
	for _, address := range one.addresses {
		if a.node(address) {
			continue
		}
		var found *router.Addresses
		if found, err = a.kinds[one.api.Kind].Ask(ctx, a.doors.At(address, one.api)); err == nil {
			question.said = said{found, time.Now()}
			break
		}
	}
	if one.line.noteFailure(err != nil) {
		a.log.Info("hub: a router can't be asked", "pod", one.name(), "api", one.api.String(), "error", fmt.Sprintf("%.*v", maxError, err))
	}
}

var errNode = errors.New("it has no address but a node's")
