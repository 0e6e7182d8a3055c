package hub

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// delete asks again for the pod's deletion, with a grace period of its own.
func (s *stage) delete(name string, grace int64) {
	s.terminate(name)
	s.mu.Lock()
	pod := s.pods["shop/"+name]
	pod.DeletionGracePeriodSeconds = &grace
	s.mu.Unlock()
	if err := s.hub.Follow(pod); err != nil {
		s.t.Error(err)
	}
}

// says is an answer in a word: confirmed, final, open or error.
func says(answer hubapi.ConfirmResponse) string {
	switch {
	case answer.Error != "":
		return "error"
	case answer.Confirmed:
		return "confirmed"
	case answer.Final:
		return "final"
	}
	return "open"
}

// report sends what a container's agent saw: it took so long, and its time was over.
func (s *stage) report(name string, took time.Duration, late bool) string {
	line := termination.Timeline{Steps: []termination.Step{
		{Phase: termination.LameDuck, Time: time.Now().Add(-took)}, {Phase: termination.Draining, Time: time.Now()},
	}}
	if late {
		line.Add(termination.Evidence{Kind: termination.DeadlineReached, Subject: "drain", Detail: "2 busy"})
	}
	var response hubapi.ReportResponse
	s.post(hubapi.ReportPath, hubapi.ReportRequest{Token: bound(name), Timeline: line}, &response)
	return response.Error
}

// TestOrders plays every order of what can happen to a termination, a second apart. Each step may
// ask and is answered at once ("ask") or held ("ask 5").
func TestOrders(t *testing.T) {
	leaving := map[string]string{"a": "leaving", "b": "ready"}
	last := map[string]string{"a": "leaving", "b": "leaving"}
	tests := []struct {
		name   string
		steps  []string
		says   []string // to each ask
		events []string // what each begins with
	}{
		{"the agent asks first", []string{"delete 60", "ask", "out", "ask 5"}, []string{"open", "confirmed"}, nil},
		{"followed before it asks", []string{"delete 60", "out", "wait", "ask"}, []string{"confirmed"}, nil},
		{"confirmed before it asks, and taken back (L3)", []string{"delete 60", "out", "wait", "last", "ask"}, []string{"open"}, nil},
		{"taken back while nobody asks, and out again", []string{"delete 60", "out", "wait", "last", "out", "ask", "ask 5"}, []string{"open", "confirmed"}, nil},
		{"taken back between two answers", []string{"delete 60", "out", "ask 5", "last", "ask", "out", "ask 5"}, []string{"confirmed", "open", "confirmed"}, nil},
		{"the last one, to the end", []string{"delete 10", "last", "ask 20"}, []string{"final"}, nil},
		{"final, and asked again", []string{"delete 10", "last", "ask 20", "out", "ask"}, []string{"final", "final"}, nil},
		{"a shorter grace while it is found out", []string{"delete 60", "last", "delete 5", "ask 20"}, []string{"final"}, nil},
		{"a longer grace changes nothing", []string{"delete 5", "last", "delete 60", "ask 20"}, []string{"final"}, nil},
		{"gone while it is found out", []string{"delete 60", "last", "gone", "ask"}, []string{"final"}, nil},
		{"gone once confirmed", []string{"delete 60", "out", "ask 5", "gone", "last", "ask"}, []string{"confirmed", "confirmed"}, nil},
		{"gone once taken back", []string{"delete 60", "out", "ask 5", "last", "ask", "gone", "ask"}, []string{"confirmed", "open", "final"}, nil},
		{"deleted after it was gone", []string{"delete 60", "gone", "delete 60", "ask"}, []string{"final"}, nil},
		{"one report", []string{"delete 60", "out", "ask 5", "report 3", "gone", "wait", "wait"}, []string{"confirmed"}, []string{"Normal LameDuckDone: left after 3.0s of 60.0s; 2 nodes confirmed"}},
		{"two containers together", []string{"delete 60", "out", "ask 5", "report 3", "report 9", "wait", "wait", "wait"}, []string{"confirmed"}, []string{"Normal LameDuckDone: left after 9.0s"}},
		{"one early, one late and out of time (H1)", []string{"delete 60", "out", "ask 5", "report 3", "wait", "wait", "wait", "late 40", "wait", "wait", "wait"}, []string{"confirmed"},
			[]string{"Normal LameDuckDone: left after 3.0s", "Warning LameDuckLate: left after 40.0s"}},
		{"reported after it was gone", []string{"delete 60", "out", "ask 5", "gone", "report 3", "wait", "wait", "wait"}, []string{"confirmed"}, []string{"Normal LameDuckDone: left after 3.0s"}},
		{"reported and never confirmed", []string{"delete 10", "last", "ask 20", "report 9", "wait", "wait", "wait"}, []string{"final"}, []string{"Warning LameDuckUnconfirmed: left after 9.0s of 10.0s; not confirmed: Service shop/cart (port 80: no other"}},
		{"a container is restarted", []string{"report 9", "wait", "wait", "wait"}, nil, []string{"Warning LameDuckUnconfirmed: left after 9.0s; not confirmed: the pod was not deleted"}},
		{"a container is restarted, then the pod deleted", []string{"report 9", "wait", "wait", "wait", "delete 60", "out", "ask 5"}, []string{"confirmed"}, []string{"Warning LameDuckUnconfirmed: left after 9.0s"}},
		{"confirmed, then the view stalls", []string{"delete 20", "out", "stall", "wait 20", "ask"}, []string{"final"}, nil},
		{"confirmed and told, then the view stalls, and comes back", []string{"delete 60", "out", "ask 5", "stall", "wait", "ask", "hold 1", "ask 3", "back", "ask 3"}, []string{"confirmed", "open", "open", "open", "confirmed"}, nil},
		{"the view comes back while the answer is held", []string{"delete 60", "out", "ask", "stall", "wait 2", "comes back", "ask 9"}, []string{"confirmed", "confirmed"}, nil},
		{"confirmed, then the API server is away", []string{"delete 60", "out", "ask 5", "away", "wait", "ask", "hold 3", "report 9", "wait", "wait", "wait"}, []string{"confirmed", "open", "open"},
			[]string{"Warning LameDuckUnconfirmed: left after 9.0s of 60.0s; not confirmed: EndpointSlices (connection refused)"}},
		{"the leader stops while it is found out", []string{"delete 60", "last", "close", "ask"}, []string{"error"}, nil},
		{"the leader stops with an Event due", []string{"delete 60", "out", "ask 5", "report 3", "close"}, []string{"confirmed"}, []string{"Normal LameDuckDone: left after 3.0s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.add("a")
				s.slice(9, map[string]string{"a": "ready", "b": "ready"})
				version := 10
				var said []string
				for _, step := range tt.steps {
					word, number, _ := strings.Cut(step, " ")
					n := 0
					_, _ = fmt.Sscan(number, &n)
					switch version++; word {
					case "delete":
						s.delete("a", int64(n))
					case "out":
						s.slice(version, leaving)
					case "last":
						s.slice(version, last)
					case "gone":
						s.hub.Gone("uid-a")
					case "close":
						s.hub.Close()
					case "report", "late":
						if problem := s.report("a", time.Duration(n)*time.Second, word == "late"); problem != "" {
							t.Error(problem)
						}
						continue // reports of several containers come at once
					case "stall":
						s.late(time.Hour)
					case "back":
						s.late(0)
					case "comes":
						time.AfterFunc(3*time.Second, func() { s.late(0) })
					case "away":
						s.mu.Lock()
						s.away = true
						s.mu.Unlock()
					case "wait":
						time.Sleep(time.Duration(n) * time.Second)
					case "hold":
						said = append(said, says(s.hold("a", n)))
					case "ask":
						said = append(said, says(s.confirm("a", n)))
					}
					time.Sleep(time.Second)
				}
				if !slices.Equal(said, tt.says) {
					t.Errorf("it says %q, want %q", said, tt.says)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				if len(s.events) != len(tt.events) {
					t.Fatalf("events %q, want %q", s.events, tt.events)
				}
				for i, event := range s.events {
					if !strings.HasPrefix(event, "a "+tt.events[i]) {
						t.Errorf("event %q, want %q", event, tt.events[i])
					}
				}
			})
		})
	}
}

// What reached the kube-proxies and not yet the hub must not be confirmed (L4): here all others
// leave, the kube-proxies acknowledge a write after that, and the hub has seen neither.
func TestConfirmsNothingBehindItsOwnView(t *testing.T) {
	for _, tt := range []struct {
		behind time.Duration
		want   string
	}{{0, "confirmed"}, {500 * time.Millisecond, "confirmed"}, {3 * time.Second, "final"}} {
		t.Run(tt.behind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.behind = tt.behind
				s.add("a")
				s.delete("a", 20)
				s.slice(100, map[string]string{"a": "leaving", "b": "ready"})
				began := time.Now()
				answer := s.confirm("a", 25)
				if says(answer) != tt.want {
					t.Fatalf("%s: %+v", says(answer), answer)
				}
				if took := time.Since(began); took < tt.behind && answer.Confirmed {
					t.Errorf("confirmed after %v, before its own view was there", took)
				}
				if tt.want == "final" && (!strings.HasPrefix(kinds(answer.Evidence), "Unreachable EndpointSlices") || answer.Check() == nil) {
					t.Errorf("evidence %s", kinds(answer.Evidence))
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // the write is delivered with what came before it
		s := newStage(t)
		s.behind = 300 * time.Millisecond
		s.add("a")
		s.delete("a", 20)
		s.slice(100, map[string]string{"a": "leaving", "b": "ready"})
		time.AfterFunc(299*time.Millisecond, func() { s.slice(150, map[string]string{"a": "leaving", "b": "leaving"}) })
		if answer := s.confirm("a", 5); says(answer) != "open" {
			t.Errorf("%s, though the kube-proxies fall back to it", says(answer))
		}
	})
}

// A list delivers the slices in the order of their keys: those that sort after the barrier's own come
// after its writes.
func TestListWithTheBarriersWriteFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.behind = 300 * time.Millisecond
		s.leave()
		time.AfterFunc(299*time.Millisecond, func() { s.view.Listed("200") })
		time.AfterFunc(301*time.Millisecond, func() { s.slice(150, map[string]string{"a": "leaving", "b": "leaving"}) })
		if answer := s.confirm("a", 5); says(answer) != "open" {
			t.Errorf("%s in the middle of a list", says(answer))
		}
	})
}

// TestListedAnew: what was confirmed is found out again after a list, for nobody saw what happened
// since the one before.
func TestListedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.leave()
		if answer := s.confirm("a", 5); says(answer) != "confirmed" {
			t.Fatalf("%s: %+v", says(answer), answer)
		}
		s.view.Listed("300")
		if answer := s.confirm("a", 0); says(answer) != "open" {
			t.Errorf("%s after a list", says(answer))
		}
		if answer := s.confirm("a", 5); says(answer) != "confirmed" || s.changes[len(s.changes)-1].ResourceVersion != 300 {
			t.Errorf("%s after %+v", says(answer), s.changes)
		}
	})
}

// TestReadsAreBounded: a pod that was never deleted and asks on and on does not have the API server
// read it each time.
func TestReadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		refused := 0
		for range 10 * readBurst {
			if s.confirm("a", 0).Error != "" {
				refused++
			}
		}
		if s.reads != readBurst || refused != 9*readBurst {
			t.Errorf("%d reads, %d refused", s.reads, refused)
		}
	})
}

// A shorter grace period is told at once, to whoever waits (L7).
func TestShorterGraceIsTold(t *testing.T) {
	for _, tt := range []struct {
		known bool
		grace int64
		want  string
	}{{false, 5, ""}, {false, 50, "open"}, {true, 5, "confirmed"}, {true, 50, "confirmed"}} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.add("a")
			s.delete("a", 60)
			state := map[string]string{"a": "leaving"}
			if tt.known {
				state["b"] = "ready"
			}
			s.slice(10, state)
			time.Sleep(time.Second)
			time.AfterFunc(3*time.Second, func() { s.delete("a", tt.grace) })
			began := time.Now()
			var answer hubapi.ConfirmResponse
			s.post(hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: bound("a"), WaitSeconds: 20, Confirmed: tt.known}, &answer)
			if took := time.Since(began); took != 3*time.Second || answer.GraceSeconds != tt.grace || tt.want != "" && says(answer) != tt.want {
				t.Errorf("%+v: after %v: %+v", tt, took, answer)
			}
		})
	}
}

// An agent that knows it is confirmed hears when it is so no longer.
func TestTakenBackIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		s.delete("a", 60)
		s.slice(10, map[string]string{"a": "leaving", "b": "ready"})
		if !s.confirm("a", 5).Confirmed {
			t.Fatal("not confirmed")
		}
		time.AfterFunc(2*time.Second, func() { s.slice(11, map[string]string{"a": "leaving", "b": "leaving"}) })
		began := time.Now()
		var answer hubapi.ConfirmResponse
		s.post(hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: bound("a"), WaitSeconds: 20, Confirmed: true}, &answer)
		if took := time.Since(began); took != 2*time.Second || says(answer) != "open" {
			t.Errorf("after %v: %+v", took, answer)
		}
	})
}

// A pod's reports can't make the hub keep more than a little (T2).
func TestReportsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.pass = func(context.Context) []barrier.Verdict { return nil }
		for i := range 10 {
			s.add(fmt.Sprint("p", i))
		}
		line := termination.Timeline{Steps: []termination.Step{{Phase: termination.LameDuck, Time: time.Now()}}}
		full := line
		full.Evidence = make([]termination.Evidence, 500)
		long := line
		long.Evidence = []termination.Evidence{{Kind: termination.DeadlineReached, Subject: strings.Repeat("x", 30_000)}}
		heap := func() uint64 {
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc
		}
		before := heap()
		for i := range 10 {
			for range 2 * maxReports {
				for _, hostile := range []termination.Timeline{full, long, {}} {
					var response hubapi.ReportResponse
					if code := s.postFrom(fmt.Sprintf("10.1.0.%d:4711", i), hubapi.ReportPath, hubapi.ReportRequest{Token: bound(fmt.Sprint("p", i)), Timeline: hostile}, &response); code != http.StatusOK {
						t.Fatal(code)
					}
				}
			}
		}
		if kept := int64(heap()) - int64(before); kept > 400<<10 {
			t.Errorf("10 pods keep %d KiB", kept>>10)
		}
		time.Sleep(3 * keep)
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		if len(s.hub.terminations) != 0 {
			t.Errorf("%d terminations are kept of pods that were never deleted", len(s.hub.terminations))
		}
	})
}

// A pod whose container was restarted may have got another address since: it is followed by the one
// that it has.
func TestFollowedByThePresentAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		if problem := s.report("a", time.Second, false); problem != "" {
			t.Fatal(problem)
		}
		s.mu.Lock()
		s.pods["shop/a"].Status.PodIPs = []corev1.PodIP{{IP: "10.1.0.2"}}
		s.mu.Unlock()
		s.view.SetSlice(&discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: "own", ResourceVersion: "100", Labels: map[string]string{discoveryv1.LabelServiceName: "own"}},
			AddressType: discoveryv1.AddressTypeIPv4,
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.1.0.2"}}},
		})
		time.Sleep(3 * time.Second)
		s.delete("a", 60)
		if answer := s.confirm("a", 5); says(answer) != "open" {
			t.Errorf("%s, while a slice offers its address as ready", says(answer))
		}
	})
}
