package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
)

// slowly is an API server that takes its time for each call.
type slowly struct {
	*stage
	takes time.Duration
	calls atomic.Int64
}

// newSlowly is a stage of which pod a has left some time ago.
func newSlowly(t *testing.T, takes time.Duration) *slowly {
	t.Helper()
	s := &slowly{stage: newStage(t), takes: takes}
	s.hub.recency.marks, s.hub.recency.read = s, s.Service
	s.leave()
	time.Sleep(5 * time.Second)
	return s
}

func (s *slowly) Mark(ctx context.Context) (uint64, error) {
	if err := s.call(ctx); err != nil {
		return 0, err
	}
	return s.stage.Mark(ctx)
}

func (s *slowly) Service(ctx context.Context, namespace, name string) (*corev1.Service, error) {
	if err := s.call(ctx); err != nil {
		return nil, err
	}
	return s.stage.Service(ctx, namespace, name)
}

func (s *slowly) call(ctx context.Context) error {
	s.calls.Add(1)
	select {
	case <-time.After(s.takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// An answer takes maxBehind at most.
func TestSlowAPIServer(t *testing.T) {
	longest := map[time.Duration]time.Duration{}
	for _, takes := range []time.Duration{300, 450, 550, 700, 900} {
		takes *= time.Millisecond
		confirmed, calls := 0, int64(0)
		for range 40 {
			synctest.Test(t, func(t *testing.T) {
				s := newSlowly(t, takes)
				began := time.Now()
				if s.confirm("a", 0).Confirmed {
					confirmed++
				}
				longest[takes] = max(longest[takes], time.Since(began))
				calls = max(calls, s.calls.Load())
			})
		}
		t.Logf("calls of %v: the longest answer took %v, %d of 40 confirmed, at most %d calls", takes, longest[takes], confirmed, calls)
		if longest[takes] > maxBehind+10*time.Millisecond {
			t.Errorf("calls of %v: an answer took %v", takes, longest[takes])
		}
	}
}

// A held call: what a waiting agent gets while both calls take 550 ms.
func TestSlowAPIServerHeld(t *testing.T) {
	for _, takes := range []time.Duration{300, 450, 550, 700} {
		synctest.Test(t, func(t *testing.T) {
			s := newSlowly(t, takes*time.Millisecond)
			began := time.Now()
			answer := s.confirm("a", 5)
			t.Logf("%v: %s %s after %v, %d calls", s.takes, says(answer), fmt.Sprint(kinds(answer.Evidence)), time.Since(began), s.calls.Load())
			if !answer.Confirmed {
				t.Errorf("%v: never confirmed, though nothing is wrong", s.takes)
			}
		})
	}
}

// An agent that was confirmed has left, and its held call ends with its connection: what is asked then is
// answered to nobody, and its Event must not say that it was not confirmed.
func TestAnsweredToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.leave()
		if answer := s.confirm("a", 5); says(answer) != "confirmed" {
			t.Fatal(says(answer))
		}
		ctx, leave := context.WithCancel(t.Context())
		plain, _ := json.Marshal(hubapi.ConfirmRequest{Token: bound("a"), WaitSeconds: 5, Confirmed: true})
		sealed, _, _ := seal.Request(s.public, hubapi.ConfirmPath, plain)
		request := httptest.NewRequest(http.MethodPost, hubapi.ConfirmPath, bytes.NewReader(sealed)).WithContext(ctx)
		request.RemoteAddr = "10.1.0.1:4711"
		time.AfterFunc(2*time.Second, func() {
			s.mu.Lock()
			s.away = true
			s.mu.Unlock()
			leave()
		})
		s.server.ServeHTTP(httptest.NewRecorder(), request)
		s.hub.mu.Lock()
		one := s.hub.terminations["uid-a"]
		s.hub.mu.Unlock()
		one.mu.Lock()
		defer one.mu.Unlock()
		if one.doubt != (doubt{}) || s.marked > 0 {
			t.Errorf("%d marks for nobody; the Event will say: not confirmed: %s", s.marked, one.unconfirmedBy())
		}
	})
}
