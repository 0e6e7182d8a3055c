package hub

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lameduck-dev/lameduck/barrier"
)

// TestFirstAnswersCostNothing: what the nodes have just shown needs no other write, up to the pause
// that kube-proxy makes; a slower pass needs one.
func TestFirstAnswersCostNothing(t *testing.T) {
	for _, tt := range []struct {
		pass  time.Duration
		marks int
	}{{30 * time.Millisecond, 0}, {1900 * time.Millisecond, 0}, {2100 * time.Millisecond, 1}, {7 * time.Second, 1}} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.pass = func(context.Context) []barrier.Verdict {
				time.Sleep(tt.pass)
				return []barrier.Verdict{{Node: "node1", Passed: true, Time: time.Now()}}
			}
			s.leave()
			began := time.Now()
			answer := s.confirm("a", 20)
			if took := time.Since(began); says(answer) != "confirmed" || took != tt.pass || s.marked != tt.marks || len(s.changes) != 1 || s.read != 1 {
				t.Errorf("a pass of %v: %s after %v, %d marks, %d passes, %d readings", tt.pass, says(answer), took, s.marked, len(s.changes), s.read)
			}
		})
	}
}

// TestManyAskAtOnce: one mark and one reading of their Service serve all.
func TestManyAskAtOnce(t *testing.T) {
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			pods := map[string]string{"ready": "ready"}
			for i := range 200 {
				name := fmt.Sprint("p", i)
				s.add(name)
				s.delete(name, 60)
				pods[name] = "leaving"
			}
			s.slice(100, pods)
			time.Sleep(5 * time.Second)
			s.mu.Lock()
			s.away = away
			s.mu.Unlock()
			var asking sync.WaitGroup
			for i := range 200 {
				asking.Go(func() {
					if answer := s.confirm(fmt.Sprint("p", i), 0); answer.Confirmed == away {
						t.Errorf("away %v: %s", away, says(answer))
					}
				})
			}
			asking.Wait()
			if s.marked != 1 || s.read > 1 {
				t.Errorf("away %v: %d marks, %d readings", away, s.marked, s.read)
			}
		})
	}
}

// TestLateWriteReused: a write that reached the view late says nothing of how far the view is now,
// though the nodes have shown it when the next pod leaves.
func TestLateWriteReused(t *testing.T) {
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			written := time.Now()
			time.AfterFunc(3*time.Second, func() { s.view.Mark("barrier-1", 101) })
			time.Sleep(3500 * time.Millisecond)
			s.reused = &barrier.Verdict{Node: "node1", Passed: true, Time: written.Add(30 * time.Millisecond), Version: 101, Written: written}
			s.away = away
			s.add("a")
			s.slice(100, map[string]string{"a": "leaving", "b": "ready"})
			s.delete("a", 20)
			if answer := s.confirm("a", 5); answer.Confirmed == away || s.marked == 0 {
				t.Errorf("away %v: %s, %d marks", away, says(answer), s.marked)
			}
		})
	}
}

// service is the Service of the stage's pods.
func service(local bool) *corev1.Service {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"}}
	if local {
		service.Spec.InternalTrafficPolicy = new(corev1.ServiceInternalTrafficPolicyLocal)
	}
	return service
}

// TestServiceUnheard: Services come by a watch of their own, of which the barrier says nothing. With
// policy Local kube-proxy falls back to the pod on its node, though another is ready elsewhere.
func TestServiceUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.services = map[string]*corev1.Service{"shop/cart": service(true)}
		s.leave()
		answer := s.confirm("a", 5)
		if says(answer) != "open" || kinds(answer.Evidence[:1]) != "Unreachable Service shop/cart" {
			t.Errorf("%s: %s, while the hub has not heard of the Service", says(answer), kinds(answer.Evidence))
		}
		s.view.SetService(service(true))
		if answer := s.confirm("a", 5); says(answer) != "final" || kinds(answer.Evidence[:1]) != "StillOffered Service shop/cart" {
			t.Errorf("%s: %s, when it has", says(answer), kinds(answer.Evidence))
		}
	})
}

// TestServiceChangedUnheard: the same of one that becomes Local once the pod is confirmed.
func TestServiceChangedUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.services = map[string]*corev1.Service{"shop/cart": service(false)}
		s.view.SetService(service(false))
		s.leave()
		if answer := s.confirm("a", 5); says(answer) != "confirmed" {
			t.Fatalf("%s: %s", says(answer), kinds(answer.Evidence))
		}
		s.mu.Lock()
		s.services["shop/cart"] = service(true)
		s.mu.Unlock()
		if answer := s.hold("a", 5); says(answer) != "open" {
			t.Errorf("%s, when it is Local", says(answer))
		}
		s.mu.Lock()
		delete(s.services, "shop/cart")
		s.mu.Unlock()
		if answer := s.confirm("a", 5); says(answer) != "confirmed" {
			t.Errorf("%s, when there is none", says(answer))
		}
	})
}

// TestPodInManyServices: nobody can have the hub read thousands of Services for one pod.
func TestPodInManyServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		s.delete("a", 20)
		for i := range maxServices + 1 {
			s.slice(100+i, map[string]string{"a": "leaving", "b": "ready"}, discoveryv1.LabelServiceName, fmt.Sprint("s", i))
		}
		if answer := s.confirm("a", 9); says(answer) != "final" || kinds(answer.Evidence[:1]) != "Unreachable Services" || s.read != 0 {
			t.Errorf("%s: %s after %d readings", says(answer), kinds(answer.Evidence), s.read)
		}
	})
}

// TestServicesReadAreBounded: one namespace's Services don't keep others' from being read.
func TestServicesReadAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		read := func(namespace string, i int) error {
			rests := map[types.NamespacedName]bool{{Namespace: namespace, Name: fmt.Sprint(i)}: false}
			_, err := s.hub.recency.ensure(t.Context(), rests)
			return err
		}
		refused := 0
		for i := range 10 * serviceBurst {
			if read("theirs", i) != nil {
				refused++
			}
		}
		if s.read != serviceBurst || refused != 9*serviceBurst {
			t.Errorf("%d readings, %d refused", s.read, refused)
		}
		if err := read("ours", 0); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * maxBehind)
		if err := read("ours", 1); err != nil {
			t.Error(err)
		}
		if known := len(s.hub.recency.services); known != 1 {
			t.Errorf("%d Services are kept", known)
		}
	})
}

// TestBegunAfterTheEnd: a pod that ends while its agent's call is read is not followed until the
// leader changes.
func TestBegunAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		s.terminateUnheard("a")
		s.reading = func() {
			s.mu.Lock()
			delete(s.pods, "shop/a")
			s.mu.Unlock()
			s.hub.Gone("uid-a")
		}
		if answer := s.confirm("a", 0); answer.Error != "" || !answer.Final {
			t.Errorf("%+v", answer)
		}
		time.Sleep(3 * keep)
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		if len(s.hub.terminations) != 0 {
			t.Error("it is still followed")
		}
	})
}

// TestTakenBackWhileTheViewIsAsked: what the view receives with the mark is judged too.
func TestTakenBackWhileTheViewIsAsked(t *testing.T) {
	for _, wait := range []int{0, 5} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.leave()
			time.Sleep(5 * time.Second)
			s.late(500 * time.Millisecond)
			time.AfterFunc(499*time.Millisecond, func() { s.slice(150, map[string]string{"a": "leaving", "b": "leaving"}) })
			if answer := s.confirm("a", wait); says(answer) != "open" || s.marked != 1 {
				t.Errorf("held %d s: %s, though the kube-proxies fall back to it; %d marks", wait, says(answer), s.marked)
			}
		})
	}
}
