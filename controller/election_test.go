package controller

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// replica stands in an election until the test ends, or stop is called.
type replica struct {
	*election
	leads atomic.Int32 // 1 while it leads
	terms atomic.Int32
	away  atomic.Bool // the API server, for this replica
	stop  func()
}

func stand(t *testing.T, shared *fake.Clientset, identity string) *replica {
	t.Helper()
	r := &replica{}
	client := fake.NewClientset()
	client.PrependReactor("*", "leases", func(action ktesting.Action) (bool, runtime.Object, error) {
		if r.away.Load() {
			return true, nil, errors.New("connection refused")
		}
		object, err := shared.Invokes(action, &coordinationv1.Lease{})
		return true, object, err
	})
	r.election = newElection(client, "lameduck-system", identity, slog.New(slog.DiscardHandler), func(ctx context.Context, held *tenure) error {
		r.leads.Add(1)
		r.terms.Add(1)
		<-ctx.Done()
		r.leads.Add(-1)
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Start(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	}
	t.Cleanup(r.stop)
	return r
}

func (r *replica) held() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.term != nil && r.term.holds().Err() == nil
}

// TestTheAPIServerIsAway: when it is for all, the leader leads on and knows that it holds no lease;
// it is the same term when the server is back.
func TestTheAPIServerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := fake.NewClientset()
		a := stand(t, shared, "a")
		time.Sleep(3 * time.Second)
		b := stand(t, shared, "b")
		time.Sleep(3 * time.Second)
		if a.leads.Load() != 1 || !a.held() || b.leads.Load() != 0 {
			t.Fatalf("at first: a %d, b %d", a.leads.Load(), b.leads.Load())
		}
		a.away.Store(true)
		b.away.Store(true)
		time.Sleep(10 * time.Minute)
		if a.leads.Load() != 1 || a.held() || b.leads.Load() != 0 {
			t.Errorf("while it is away: a %d, holds the lease %t, b %d", a.leads.Load(), a.held(), b.leads.Load())
		}
		a.away.Store(false)
		time.Sleep(3 * time.Second)
		b.away.Store(false)
		time.Sleep(10 * time.Second)
		if a.leads.Load() != 1 || !a.held() || a.terms.Load() != 1 || b.leads.Load() != 0 {
			t.Errorf("when it is back: a %d in term %d, holds the lease %t, b %d", a.leads.Load(), a.terms.Load(), a.held(), b.leads.Load())
		}
	})
}

// TestAnotherLeads: a leader that alone is cut off leads on, until it sees that another does.
func TestAnotherLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := fake.NewClientset()
		a := stand(t, shared, "a")
		time.Sleep(3 * time.Second)
		b := stand(t, shared, "b")
		time.Sleep(3 * time.Second)
		a.away.Store(true)
		time.Sleep(leaseDuration + 4*time.Second)
		if b.leads.Load() != 1 || !b.held() || a.held() {
			t.Errorf("10 s after it was cut off: a holds the lease %t, b leads %d", a.held(), b.leads.Load())
		}
		if err := b.mine(t.Context()); err != nil {
			t.Error(err)
		}
		a.away.Store(false)
		if err := a.mine(t.Context()); err == nil {
			t.Error("a takes the lease for its own, although b leads")
		}
		time.Sleep(5 * time.Second)
		if a.leads.Load() != 0 || b.leads.Load() != 1 {
			t.Errorf("when it is back: a %d, b %d", a.leads.Load(), b.leads.Load())
		}
		// Who stops gives the lease back.
		b.stop()
		time.Sleep(3 * time.Second)
		if a.leads.Load() != 1 || a.terms.Load() != 2 || b.leads.Load() != 0 {
			t.Errorf("after b was told to stop: a %d in term %d, b %d", a.leads.Load(), a.terms.Load(), b.leads.Load())
		}
	})
}

// TestLeadingFails ends the replica, with the lease given back.
func TestLeadingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		failed := errors.New("port in use")
		e := newElection(client, "lameduck-system", "a", slog.New(slog.DiscardHandler), func(context.Context, *tenure) error { return failed })
		if err := e.Start(t.Context()); !errors.Is(err, failed) {
			t.Errorf("ended with %v", err)
		}
		held, err := client.CoordinationV1().Leases("lameduck-system").Get(t.Context(), lease, metav1.GetOptions{})
		if err != nil || holderOf(held) != "" {
			t.Errorf("the lease is held by %q, %v", holderOf(held), err)
		}
	})
}

// TestCallsWithoutALease: those that are held are answered when it is lost, later ones after a
// moment, so that agents ask again and find whoever leads by then.
func TestCallsWithoutALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := newTenure()
		handler := held.loosely(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(25 * time.Second):
			}
		}))
		call := func() time.Duration {
			began := time.Now()
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
			return time.Since(began)
		}
		if took := call(); took != 25*time.Second {
			t.Errorf("with a lease: %v", took)
		}
		time.AfterFunc(7*time.Second, func() { held.drop() })
		if took := call(); took != 7*time.Second {
			t.Errorf("as the lease is lost: %v", took)
		}
		if took := call(); took != looseWait {
			t.Errorf("without a lease: %v", took)
		}
		held.hold()
		if took := call(); took != 25*time.Second {
			t.Errorf("with a lease again: %v", took)
		}
	})
}

// TestAnotherLedForAMoment: what is heard late of another leader does not end the term that has begun
// since.
func TestAnotherLedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := stand(t, fake.NewClientset(), "a")
		time.Sleep(3 * time.Second)
		r.endIf(func() bool { return false })
		if r.leads.Load() != 1 || !r.held() {
			t.Error("the term has ended")
		}
		r.endIf(func() bool { return true })
		if r.leads.Load() != 0 {
			t.Error("the term goes on")
		}
	})
}
