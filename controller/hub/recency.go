package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/pace"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const (
	// maxBehind is how old what the hub goes by may be when it confirms: whatever happens later
	// reaches the kube-proxies at most that much before the hub.
	maxBehind = time.Second
	// proxyPause is what kube-proxy lets pass between two syncs. That much older may a write be that
	// the nodes have only just shown.
	proxyPause = time.Second
	// maxServices bounds how many Services are read for one pod.
	maxServices = 16
)

// recency knows how recent what the hub goes by is. Its questions serve all terminations.
type recency struct {
	view   *view.View
	marks  Marker
	read   func(ctx context.Context, namespace, name string) (*corev1.Service, error)
	slices *recent[struct{}] // a write that the view has taken in

	mu       sync.Mutex
	services map[types.NamespacedName]*recent[*corev1.Service]
	paces    *pace.Paces[string] // of readings, by namespace
	all      *rate.Limiter
}

func newRecency(config Config) *recency {
	r := &recency{
		view: config.View, marks: config.Marks, slices: newRecent[struct{}](),
		services: map[types.NamespacedName]*recent[*corev1.Service]{},
		paces:    pace.New[string](serviceRate, serviceBurst), all: rate.NewLimiter(allServiceRate, allServiceBurst),
	}
	if config.Cluster != nil {
		r.read = config.Cluster.Service
	}
	return r
}

// passed notes that the nodes have shown a write at acked, and that the view has taken it in.
func (r *recency) passed(written, acked time.Time) {
	if latest := written.Add(proxyPause); acked.After(latest) {
		acked = latest
	}
	r.slices.keepAnswer(struct{}{}, acked)
}

// doubt is why nothing may be confirmed that was.
type doubt struct{ subject, detail string }

func (d doubt) Error() string { return d.subject + " (" + d.detail + ")" }

// evidence is the doubt as an answer tells it; nil if there is none.
func (d doubt) evidence() []termination.Evidence {
	if d == (doubt{}) {
		return nil
	}
	return []termination.Evidence{{Time: time.Now(), Kind: termination.Unreachable, Source: "hub", Subject: d.subject, Detail: d.detail}}
}

// ensure returns nil when the view is recent enough to confirm what rests on those Services. asked is
// false if that was known already: nothing had to be waited for. The error is a doubt.
func (r *recency) ensure(ctx context.Context, rests map[types.NamespacedName]bool) (asked bool, _ error) {
	if len(rests) > maxServices {
		return false, doubt{"Services", fmt.Sprintf("the pod is in %d, more than the %d whose traffic policy is read", len(rests), maxServices)}
	}
	var reading errgroup.Group
	var anyAsked atomic.Bool
	var behind error // the view, which is told before a Service is
	reading.Go(func() error {
		_, asked, err := r.slices.get(ctx, r.mark)
		if asked {
			anyAsked.Store(true)
		}
		if err != nil {
			behind = doubt{"EndpointSlices", err.Error()}
		}
		return behind
	})
	for name, local := range rests {
		reading.Go(func() error {
			service, asked, err := r.service(name).get(ctx, func(ctx context.Context) (*corev1.Service, error) { return r.readService(ctx, name) })
			if asked {
				anyAsked.Store(true)
			}
			switch {
			case err != nil:
				return doubt{"Service " + name.String(), "its traffic policy is not known: " + err.Error()}
			case service != nil && view.UsesLocal(service) != local:
				return doubt{"Service " + name.String(), "the hub's own view of its traffic policy is behind"}
			}
			return nil
		})
	}
	err := reading.Wait()
	return anyAsked.Load(), cmp.Or(behind, err)
}

// mark has the view take in a write made now.
func (r *recency) mark(ctx context.Context) (none struct{}, err error) {
	version, err := r.marks.Mark(ctx)
	if err != nil {
		return none, err
	}
	if _, ok := delivered(ctx, r.view, version); !ok {
		return none, errors.New("the hub's own view is behind the API server")
	}
	return none, nil
}

var errBusyServices = errors.New("too many Services are read at once")

func (r *recency) readService(ctx context.Context, name types.NamespacedName) (*corev1.Service, error) {
	if !r.paces.Allow(name.Namespace) || !r.all.Allow() {
		return nil, errBusyServices
	}
	return r.read(ctx, name.Namespace, name.Name)
}

// service gives what is known of a Service, and forgets those that were long not asked for.
func (r *recency) service(name types.NamespacedName) *recent[*corev1.Service] {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.services[name]
	if known == nil {
		maps.DeleteFunc(r.services, func(_ types.NamespacedName, one *recent[*corev1.Service]) bool { return one.idle() })
		known = newRecent[*corev1.Service]()
		r.services[name] = known
	}
	return known
}

// delivered waits until the view has taken in a write at version, or a later one.
func delivered(ctx context.Context, of *view.View, version uint64) (at time.Time, ok bool) {
	for {
		at, ok, changed := of.Delivered(version)
		if ok {
			return at, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return at, false
		}
	}
}

// newest gives the newest write that all verdicts together rest on, and when the last node showed it.
func newest(verdicts []barrier.Verdict) (version uint64, written, acked time.Time) {
	for _, v := range verdicts {
		if v.Version > version {
			version, written = v.Version, v.Written
		}
		if v.Time.After(acked) {
			acked = v.Time
		}
	}
	return version, written, acked
}
