package hub

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/barrier"
)

// TestFirstCall is the one by which an agent announces: it asks for no wait, and must learn
// the grace period all the same.
func TestFirstCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		s.terminate("a")
		s.slice(10, map[string]string{"a": "ready", "b": "ready"})
		if got := s.confirm("a", 0); got.Error != "" || got.Confirmed || got.Final || got.GraceSeconds == 0 {
			t.Errorf("answered %+v", got)
		}
	})
}

func TestConfirm(t *testing.T) {
	tests := []struct {
		name    string
		play    func(*stage) // before the agent asks
		later   func(*stage) // 3 s after it began to ask
		want    string       // confirmed, final or open, and the evidence
		took    time.Duration
		outcome Outcome
	}{
		{
			name:    "out and passed",
			play:    func(s *stage) { s.terminate("a"); s.slice(10, map[string]string{"a": "leaving", "b": "ready"}) },
			want:    "confirmed SliceNotReady shop/cart-1, BarrierPassed node1, BarrierPassed node2",
			took:    30 * time.Millisecond,
			outcome: Confirmed,
		},
		{
			name:    "in no slice",
			play:    func(s *stage) { s.terminate("a") },
			want:    "confirmed SliceNotReady, BarrierPassed node1, BarrierPassed node2",
			took:    30 * time.Millisecond,
			outcome: Confirmed,
		},
		{
			name:    "the slice is late",
			play:    func(s *stage) { s.terminate("a"); s.slice(10, map[string]string{"a": "ready", "b": "ready"}) },
			later:   func(s *stage) { s.slice(11, map[string]string{"a": "leaving", "b": "ready"}) },
			want:    "confirmed SliceNotReady shop/cart-1, BarrierPassed node1, BarrierPassed node2",
			took:    3030 * time.Millisecond,
			outcome: Confirmed,
		},
		{
			name: "the hub hears late of the deletion",
			play: func(s *stage) {
				s.slice(10, map[string]string{"a": "leaving", "b": "ready"})
				s.terminateUnheard("a")
				time.AfterFunc(time.Minute, func() { s.terminate("a") })
			},
			want:    "confirmed SliceNotReady shop/cart-1, BarrierPassed node1, BarrierPassed node2",
			took:    30 * time.Millisecond,
			outcome: Confirmed,
		},
		{
			name: "it does not terminate",
			play: func(s *stage) { s.slice(10, map[string]string{"a": "ready"}) },
			want: "final NotTerminating",
		},
		{
			name:    "a single replica whose successor comes",
			play:    func(s *stage) { s.terminate("a"); s.slice(10, map[string]string{"a": "leaving"}) },
			later:   func(s *stage) { s.slice(11, map[string]string{"a": "leaving", "b": "ready"}) },
			want:    "confirmed SliceNotReady shop/cart-1, BarrierPassed node1, BarrierPassed node2",
			took:    3030 * time.Millisecond,
			outcome: Confirmed,
		},
		{
			name:    "the last one",
			play:    func(s *stage) { s.terminate("a"); s.slice(10, map[string]string{"a": "leaving"}) },
			want:    "final StillOffered Service shop/cart, SliceNotReady shop/cart-1",
			took:    24 * time.Second,
			outcome: StillOffered,
		},
		{
			name: "published though not ready",
			play: func(s *stage) {
				service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"}}
				service.Spec.PublishNotReadyAddresses = true
				s.view.SetService(service)
				s.terminate("a")
				s.slice(10, map[string]string{"a": "ready", "b": "ready"})
			},
			want:    "final StillOffered Service shop/cart",
			outcome: StillOffered,
		},
		{
			name: "a node misses",
			play: func(s *stage) {
				s.terminate("a")
				s.slice(10, map[string]string{"a": "leaving", "b": "ready"})
				s.pass = func(context.Context) []barrier.Verdict {
					time.Sleep(7 * time.Second)
					return []barrier.Verdict{{Node: "node1", Passed: true}, {Node: "node2", Why: "no answer"}}
				}
			},
			want:    "final SliceNotReady shop/cart-1, BarrierMissed node2, BarrierPassed node1",
			took:    7 * time.Second,
			outcome: Missed,
		},
		{
			name: "all others leave while the barrier is passed",
			play: func(s *stage) {
				s.terminate("a")
				s.slice(10, map[string]string{"a": "leaving", "b": "ready"})
				s.pass = func(context.Context) []barrier.Verdict {
					time.Sleep(2500 * time.Millisecond)
					return []barrier.Verdict{{Node: "node1", Passed: true}}
				}
				time.AfterFunc(time.Second, func() { s.slice(11, map[string]string{"a": "leaving", "b": "leaving"}) })
			},
			later:   func(s *stage) { s.slice(12, map[string]string{"a": "leaving", "c": "ready"}) },
			want:    "confirmed SliceNotReady shop/cart-1, BarrierPassed node1",
			took:    5500 * time.Millisecond,
			outcome: Confirmed,
		},
		{
			// What a kube-proxy has programmed at the barrier's write may be the state in between.
			name: "the watch is cut while the last other leaves and its successor comes",
			play: func(s *stage) {
				s.terminate("a")
				s.slice(10, map[string]string{"a": "leaving", "b": "ready"})
				s.pass = func(context.Context) []barrier.Verdict {
					time.Sleep(time.Second)
					return []barrier.Verdict{{Node: "node1", Passed: true, Time: time.Now()}}
				}
				s.behind = time.Second // the barrier's write comes with the list
				time.AfterFunc(900*time.Millisecond, func() {
					s.view.Listed("300")
					s.slice(300, map[string]string{"a": "leaving", "c": "ready"})
				})
			},
			want:    "confirmed SliceNotReady shop/cart-1, BarrierPassed node1",
			took:    2 * time.Second,
			outcome: Confirmed,
		},
		{
			name: "the API server does not answer whether it terminates",
			play: func(s *stage) { s.readErr = errors.New("refused") },
			want: "refused: reading the pod: refused",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.add("a")
				tt.play(s)
				if tt.later != nil {
					time.AfterFunc(3*time.Second, func() { tt.later(s) })
				}
				began := time.Now()
				answer := s.confirm("a", 25)
				took := time.Since(began)
				synctest.Wait()
				state := "open"
				switch {
				case answer.Confirmed:
					state = "confirmed"
				case answer.Final:
					state = "final"
				case answer.Error != "":
					state = "refused: " + answer.Error
				}
				if got := strings.TrimSpace(state + " " + kinds(answer.Evidence)); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
				if took < tt.took || took > tt.took+40*time.Millisecond {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if err := answer.Check(); (err == nil) != (state == "confirmed") {
					t.Errorf("the agent's check of the answer: %v", err)
				}
				if tt.outcome != "" && (len(s.settled) != 1 || s.settled[0] != tt.outcome) {
					t.Errorf("outcomes %v, want %s", s.settled, tt.outcome)
				}
			})
		})
	}
}

// TestBarrierCovers: the barrier must be asked for a version not below the change seen.
func TestBarrierCovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		s.terminate("a")
		s.slice(10, map[string]string{"a": "ready", "b": "ready"})
		if err := s.hub.Follow(s.Pod("shop", "a")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.slice(20, map[string]string{"a": "leaving", "b": "ready"})
		if answer := s.confirm("a", 5); !answer.Confirmed {
			t.Errorf("%+v", answer)
		}
		if len(s.changes) != 1 || s.changes[0] != (barrier.Change{ResourceVersion: 20}) {
			t.Errorf("changes %+v, want one at 20", s.changes)
		}
	})
}

// TestConfirmedNoMore: what was confirmed is not told again once it no longer holds.
func TestConfirmedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		s.terminate("a")
		s.slice(10, map[string]string{"a": "leaving", "b": "ready"})
		if !s.confirm("a", 5).Confirmed {
			t.Error("not confirmed")
		}
		s.slice(11, map[string]string{"a": "leaving", "b": "leaving"})
		if answer := s.confirm("a", 5); answer.Confirmed || answer.Final {
			t.Errorf("after all others left: %+v", answer)
		}
		s.slice(12, map[string]string{"a": "leaving", "c": "ready"})
		if !s.confirm("a", 5).Confirmed {
			t.Error("not confirmed again")
		}
	})
}
