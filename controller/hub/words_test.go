package hub

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/controller/routers"
	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/router"
)

// use is what a router does with the pod's address from a moment on; negative: it does not answer.
type use struct {
	from time.Duration
	use  router.Use
}

const silent router.Use = -1

// speakers are routers that answer by the time since they were made.
type speakers struct {
	start time.Time
	of    map[string][]use
	hang  bool // besides, one never answers

	mu    sync.Mutex
	asked int
	pod   routers.Pod
}

func (s *speakers) Ask(ctx context.Context, pod routers.Pod, hear func(routers.Word)) {
	s.mu.Lock()
	s.asked, s.pod = s.asked+1, pod
	s.mu.Unlock()
	for name, uses := range s.of {
		now := silent
		for _, one := range uses {
			if time.Since(s.start) >= one.from {
				now = one.use
			}
		}
		if now != silent {
			hear(routers.Word{Name: name, Kind: "traefik", Addresses: []netip.Addr{netip.MustParseAddr("10.1.9.1")}, Use: now, At: time.Now()})
		}
	}
	if s.hang {
		<-ctx.Done()
	}
}

// seen gives how often they were asked, and about what last.
func (s *speakers) seen() (int, routers.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.pod
}

// heed asks as an agent that knows it is confirmed and hears routers.
func (s *stage) heed(seconds int, news *uint64, peers ...netip.Addr) hubapi.ConfirmResponse {
	s.t.Helper()
	var response hubapi.ConfirmResponse
	request := hubapi.ConfirmRequest{Token: bound("a"), WaitSeconds: seconds, Confirmed: true, News: news, Peers: peers}
	if code := s.post(hubapi.ConfirmPath, request, &response); code != http.StatusOK {
		s.t.Errorf("HTTP status %d", code)
	}
	return response
}

// leaveReady has pod a leave, which was ready for that long.
func (s *stage) leaveReady(since time.Duration) {
	s.t.Helper()
	s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	pod := s.pods["shop/a"].DeepCopy()
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(time.Now().Add(-since))}}
	s.pods["shop/a"] = pod
}

// TestRoutersSay follows what an agent is told of routers, as soon as it changes.
func TestRoutersSay(t *testing.T) {
	const sends, forgot, nothing = "sends", "forgot", "nothing"
	type told struct {
		at   time.Duration
		what string
	}
	const s = time.Second
	tests := []struct {
		name  string
		ready time.Duration
		uses  []use
		want  []told // each change
	}{
		{"it forgets", time.Hour, []use{{0, router.Sends}, {8 * s, router.Gone}}, []told{{0, sends}, {8 * s, forgot}}},
		{"it had forgotten", time.Hour, []use{{0, router.Gone}}, []told{{0, forgot}}},
		{"it learns again", time.Hour, []use{{0, router.Gone}, {3 * s, router.Sends}, {5 * s, router.Gone}}, []told{{0, forgot}, {3 * s, sends}, {5 * s, forgot}}},
		{"it only keeps sessions", time.Hour, []use{{0, router.Bound}}, nil},
		{"it never answers", time.Hour, []use{{0, silent}}, nil},
		{"it answers no more", time.Hour, []use{{0, router.Gone}, {4 * s, silent}}, []told{{0, forgot}, {8 * s, nothing}}},
		{"it sends, and answers no more", time.Hour, []use{{0, router.Sends}, {2 * s, silent}}, []told{{0, sends}, {16 * s, nothing}}},
		{"it may not have heard of the pod yet", 5 * s, []use{{0, router.Gone}}, []told{{10 * s, forgot}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t)
				st.hub.config.Routers = &speakers{start: time.Now(), of: map[string][]use{"ingress/traefik": tt.uses}}
				st.leaveReady(tt.ready)
				began := time.Now()
				if answer := st.confirm("a", 5); !answer.Confirmed {
					t.Fatalf("%+v", answer)
				}
				var got []told
				news, last := uint64(0), nothing
				for time.Since(began) < 12*s {
					answer := st.heed(5, &news)
					if !answer.Confirmed || answer.News == nil {
						t.Fatalf("%+v", answer)
					}
					now := nothing
					if len(answer.Routers) > 0 {
						now = sends
						if ago := answer.Routers[0].ForgotMillis; ago != nil {
							now = forgot
							if *ago < 0 || time.Duration(*ago)*time.Millisecond > time.Since(began) {
								t.Errorf("it has forgotten for %d ms after %v", *ago, time.Since(began))
							}
						}
					}
					if news = *answer.News; now != last {
						got, last = append(got, told{time.Since(began), now}), now
					}
				}
				near := func(a, b told) bool { return a.what == b.what && a.at >= b.at && a.at <= b.at+1200*time.Millisecond }
				if !slices.EqualFunc(got, tt.want, near) {
					t.Errorf("told %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestManyWords: whatever many pods say, that one sends is told.
func TestManyWords(t *testing.T) {
	words := &Termination{object: &corev1.Pod{}}
	words.words.said = map[string]*word{}
	for i := range 2 * hubapi.MaxRouters {
		name := fmt.Sprint("aaa/", i)
		words.words.said[name] = &word{routers.Word{Name: name, Use: router.Gone, At: time.Now()}, time.Now()}
	}
	words.words.said["ingress/traefik"] = &word{routers.Word{Name: "ingress/traefik", Use: router.Sends, At: time.Now()}, time.Now()}
	if told := words.routersSay(); len(told) != hubapi.MaxRouters || told[0].Name != "ingress/traefik" {
		t.Errorf("%d are told of, the first is %s", len(told), told[0].Name)
	}
}

// A router that hangs takes nothing from what another says.
func TestARouterThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.hub.config.Routers = &speakers{start: time.Now(), hang: true, of: map[string][]use{"ingress/traefik": {{0, router.Sends}, {4 * time.Second, router.Gone}}}}
		s.leaveReady(time.Hour)
		s.confirm("a", 5)
		began, news, heard := time.Now(), uint64(0), time.Duration(0)
		for time.Since(began) < time.Minute {
			answer := s.heed(5, &news)
			news = *answer.News
			switch forgot := len(answer.Routers) == 1 && answer.Routers[0].ForgotMillis != nil; {
			case forgot && heard == 0:
				heard = time.Since(began)
			case !forgot && heard > 0, len(answer.Routers) == 0 && time.Since(began) > time.Second:
				t.Fatalf("after %v: %+v", time.Since(began), answer.Routers)
			}
		}
		if heard < 4*time.Second || heard > 4*time.Second+roundFor+100*time.Millisecond {
			t.Errorf("heard after %v", heard)
		}
	})
}

// The routers are asked once the pod is out and the barrier has passed, only for agents that hear them, with
// the peers that these name, and no longer than they ask. What they say is taken back with the confirmation.
func TestRoutersAreAskedWhenItHelps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		asked := &speakers{start: time.Now(), of: map[string][]use{"ingress/traefik": {{0, router.Gone}}}}
		s.hub.config.Routers = asked
		peer := netip.MustParseAddr("10.1.9.1")
		s.leaveReady(time.Hour)
		if answer := s.confirm("a", 5); !answer.Confirmed {
			t.Fatalf("%+v", answer)
		}
		s.hold("a", 5)
		if times, _ := asked.seen(); times != 0 {
			t.Errorf("asked %d times for an agent of the version before", times)
		}
		news := uint64(0)
		for range 3 {
			news = *s.heed(5, &news, peer).News
		}
		times, about := asked.seen()
		if times == 0 || times > 15 || !slices.Equal(about.Peers, []netip.Addr{peer}) || !slices.Equal(about.IPs, []netip.Addr{netip.MustParseAddr("10.1.0.1")}) {
			t.Errorf("asked %d times about %+v", times, about)
		}
		s.slice(101, map[string]string{"a": "ready", "b": "ready"})
		if answer := s.heed(0, &news); answer.Confirmed || len(answer.Routers) > 0 {
			t.Errorf("offered again: %+v", answer)
		}
		s.slice(102, map[string]string{"a": "leaving", "b": "ready"})
		time.Sleep(heardFor + 2*time.Second)
		before, _ := asked.seen()
		time.Sleep(time.Minute)
		if after, _ := asked.seen(); after != before {
			t.Errorf("asked %d times after the agent's end", after-before)
		}
	})
}

// The Event says by which router's word a pod left, in text that is bounded.
func TestEventNamesTheWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.leaveReady(time.Hour)
		s.confirm("a", 5)
		line := termination.Timeline{Steps: []termination.Step{{Phase: termination.LameDuck, Time: time.Now()}, {Phase: termination.Draining, Time: time.Now().Add(9 * time.Second)}}}
		for i := range 10 {
			line.Add(termination.Evidence{Kind: termination.RouterForgot, Subject: fmt.Sprintf("ingress/traefik-%d (traefik)", i), Detail: "forgot the pod at 8.40s, last request 0.20s before\x1b[2J" + strings.Repeat("x", 1000)})
		}
		var response hubapi.ReportResponse
		s.post(hubapi.ReportPath, hubapi.ReportRequest{Token: bound("a"), Timeline: line}, &response)
		time.Sleep(2 * gather)
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.events) != 1 || !strings.Contains(s.events[0], "ingress/traefik-0 (traefik) forgot the pod at 8.40s, last request 0.20s before") ||
			strings.Count(s.events[0], "forgot") != maxWords || strings.ContainsRune(s.events[0], '\x1b') || len(s.events[0]) > maxMessage+100 {
			t.Errorf("%q", s.events)
		}
	})
}

// A hub that begins anew knows nothing of what agents have heard from the one before: its news must not look
// like that.
func TestNewsOfAnotherHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := func(use_ router.Use, heard uint64) (hubapi.ConfirmResponse, time.Duration) {
			s := newStage(t)
			s.hub.config.Routers = &speakers{start: time.Now(), of: map[string][]use{"ingress/traefik": {{0, use_}}}}
			s.leaveReady(time.Hour)
			s.confirm("a", 5)
			first := uint64(0)
			s.heed(2, &first) // of another container's agent
			time.Sleep(2 * time.Second)
			began := time.Now()
			return s.heed(5, &heard), time.Since(began)
		}
		before, _ := said(router.Gone, 0)
		after, took := said(router.Sends, *before.News)
		if took > time.Second || len(after.Routers) != 1 || after.Routers[0].ForgotMillis != nil {
			t.Errorf("told after %v: %+v", took, after.Routers)
		}
	})
}
