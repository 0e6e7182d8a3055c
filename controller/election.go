package controller

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Leadership moves within leaseDuration when a leader dies silently: until then agents go by local
// evidence. client-go's defaults (15, 10, 2 s) leave them alone for longer than their fallback
// wait.
const (
	leaseDuration = 6 * time.Second
	renewDeadline = 4 * time.Second
	retryPeriod   = time.Second
	// leaseTimeout bounds one call for the lease, so that one that hangs does not cost it.
	leaseTimeout = renewDeadline / 2
)

// election makes this replica lead while it holds the lease, and beyond that for as long as no
// other does: when the API server is away for all, no other can.
type election struct {
	client    kubernetes.Interface // its calls end within leaseTimeout
	namespace string
	identity  string // of this process, used by no other
	lead      func(ctx context.Context, t *tenure) error
	log       *slog.Logger

	mu     sync.Mutex
	term   *term
	failed chan error // why lead has ended by itself
}

// term is one time of leading.
type term struct {
	*tenure
	stop context.CancelFunc
	done chan struct{}
}

func newElection(client kubernetes.Interface, namespace, identity string, log *slog.Logger, lead func(context.Context, *tenure) error) *election {
	return &election{client: client, namespace: namespace, identity: identity, lead: lead, log: log, failed: make(chan error, 1)}
}

// NeedLeaderElection keeps the manager from waiting for an election of its own.
func (e *election) NeedLeaderElection() bool { return false }

// Start works until ctx is done, or leading fails. It stops leading before it gives the lease
// back, so that agents that ask again find the next leader.
func (e *election) Start(ctx context.Context) error {
	electing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { e.elect(electing) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-e.failed:
	}
	e.end()
	stop()
	running.Wait()
	e.end() // a term that has begun meanwhile
	e.release(context.WithoutCancel(ctx))
	return err
}

func (e *election) elect(ctx context.Context) {
	for ctx.Err() == nil {
		var elector *leaderelection.LeaderElector
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Name: lease,
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Namespace: e.namespace, Name: lease},
				Client:     e.client.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: e.identity},
			},
			LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: e.begin,
				OnStoppedLeading: e.drop,
				OnNewLeader: func(identity string) {
					if identity != "" && identity != e.identity {
						e.endIf(func() bool { return elector.GetLeader() == identity })
					}
				},
			},
		})
		if err != nil {
			e.failed <- fmt.Errorf("setting up the election: %w", err)
			return
		}
		elector.Run(ctx)
	}
}

// begin is called when the lease was got; held is done when it is lost.
func (e *election) begin(held context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if held.Err() != nil {
		return
	}
	if e.term != nil {
		e.log.Info("election: the lease is renewed again")
		e.term.hold()
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &term{tenure: newTenure(), stop: stop, done: make(chan struct{})}
	e.term = t
	go func() {
		defer close(t.done)
		if err := e.lead(ctx, t.tenure); err != nil && ctx.Err() == nil {
			select {
			case e.failed <- err:
			default:
			}
		}
	}()
}

// drop is called when the lease could not be renewed.
func (e *election) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.term != nil && e.term.drop() {
		e.log.Warn("election: the lease can't be renewed; still leading until another replica does")
	}
}

// end stops leading, and returns when all of it has ended.
func (e *election) end() { e.endIf(func() bool { return true }) }

// endIf does so if over holds while no term can begin: the lease may have come back meanwhile.
func (e *election) endIf(over func() bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.term == nil || !over() {
		return
	}
	e.term.stop()
	<-e.term.done
	e.term = nil
}

// mine reports an error unless the lease, as it is now, names this replica. A replica that may have
// been paused calls it between reading what it is about to change and writing it.
func (e *election) mine(ctx context.Context) error {
	held, err := e.client.CoordinationV1().Leases(e.namespace).Get(ctx, lease, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading the lease: %w", err)
	}
	if holder := holderOf(held); holder != e.identity {
		return fmt.Errorf("%q leads by now", holder)
	}
	return nil
}

// release gives the lease back, if it is this replica's.
func (e *election) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	leases := e.client.CoordinationV1().Leases(e.namespace)
	held, err := leases.Get(ctx, lease, metav1.GetOptions{})
	if err == nil && holderOf(held) == e.identity {
		*held.Spec.HolderIdentity = ""
		_, err = leases.Update(ctx, held, metav1.UpdateOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		e.log.Warn("election: giving the lease back", "error", err)
	}
}

func holderOf(held *coordinationv1.Lease) string {
	if held.Spec.HolderIdentity == nil {
		return ""
	}
	return *held.Spec.HolderIdentity
}
