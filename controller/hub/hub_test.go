package hub

import (
	"bytes"
	"context"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is all that surrounds a hub.
type stage struct {
	t      *testing.T
	view   *view.View
	hub    *Hub
	server *Server
	public hpke.PublicKey

	mu      sync.Mutex
	pods    map[string]*corev1.Pod
	tokens  map[string]*authenticationv1.TokenReviewStatus
	reviews int
	events  []string
	settled []Outcome
	changes []barrier.Change
	pass    func(context.Context) []barrier.Verdict
	nowErr  error
}

func newStage(t *testing.T) *stage {
	t.Helper()
	private, public, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.ParsePrivate(private)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, view: view.New(), pods: map[string]*corev1.Pod{}, tokens: map[string]*authenticationv1.TokenReviewStatus{}}
	if s.public, err = seal.ParsePublic(public); err != nil {
		t.Fatal(err)
	}
	s.pass = func(context.Context) []barrier.Verdict {
		time.Sleep(30 * time.Millisecond)
		return []barrier.Verdict{{Node: "node1", Passed: true, Time: time.Now()}, {Node: "node2", Passed: true, Time: time.Now()}}
	}
	s.view.Settle(5)
	s.hub = New(Config{
		View:     s.view,
		Barriers: func(corev1.IPFamily) Barrier { return s },
		Late:     func(namespace string) bool { return namespace == "zzzzz" },
		Cluster:  s,
		Observer: s,
		Log:      slog.New(slog.DiscardHandler),
	})
	t.Cleanup(s.hub.Close)
	s.server = NewServer(s.hub, key, NewIdentities(s))
	return s
}

func (s *stage) Pass(ctx context.Context, change barrier.Change) []barrier.Verdict {
	s.mu.Lock()
	s.changes = append(s.changes, change)
	pass := s.pass
	s.mu.Unlock()
	return pass(ctx)
}

func (s *stage) Pod(namespace, name string) *corev1.Pod {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pods[namespace+"/"+name]
}

func (s *stage) Now(context.Context) (uint64, error) { return 900, s.nowErr }

func (s *stage) Event(pod *corev1.Pod, eventType, reason, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fmt.Sprintf("%s %s %s: %s", pod.Name, eventType, reason, message))
}

func (s *stage) Began() {}
func (s *stage) Gone()  {}
func (s *stage) Settled(outcome Outcome, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = append(s.settled, outcome)
}

func (s *stage) Review(ctx context.Context, review *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reviews++
	if status := s.tokens[review.Spec.Token]; status != nil {
		review.Status = *status
	}
	return review, nil
}

// add puts a pod on the stage whose token is its name.
func (s *stage) add(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)}}
	pod.Spec.NodeName = "node1"
	pod.Status.PodIPs = []corev1.PodIP{{IP: "10.1.0.1"}}
	s.pods["shop/"+name] = pod
	s.tokens[name] = status("system:serviceaccount:shop:default", name, "uid-"+name, hubapi.Audience)
}

func status(user, pod, uid, audience string) *authenticationv1.TokenReviewStatus {
	extra := map[string]authenticationv1.ExtraValue{}
	if pod != "" {
		extra["authentication.kubernetes.io/pod-name"] = []string{pod}
		extra["authentication.kubernetes.io/pod-uid"] = []string{uid}
	}
	return &authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{audience}, User: authenticationv1.UserInfo{Username: user, Extra: extra}}
}

func (s *stage) terminate(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pod := s.pods["shop/"+name].DeepCopy()
	now, grace := metav1.Now(), int64(60)
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &now, &grace
	s.pods["shop/"+name] = pod
}

// slice has the pods stand as told; "ready", or "leaving".
func (s *stage) slice(version int, pods map[string]string) {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: "cart-1", ResourceVersion: fmt.Sprint(version), Labels: map[string]string{discoveryv1.LabelServiceName: "cart"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new(string), Port: new(int32(80))}},
	}
	for name, state := range pods {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{"10.1.0.1"},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", UID: types.UID("uid-" + name)},
			Conditions: discoveryv1.EndpointConditions{Ready: new(state == "ready"), Serving: new(true), Terminating: new(state == "leaving")},
		})
	}
	s.view.SetSlice(slice)
}

// post sends a sealed request as an agent does.
func (s *stage) post(path string, request, response any) int {
	s.t.Helper()
	plain, err := json.Marshal(request)
	if err != nil {
		s.t.Fatal(err)
	}
	sealed, open, err := seal.Request(s.public, plain)
	if err != nil {
		s.t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	s.server.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(sealed)))
	if recorder.Code == http.StatusOK {
		body, err := open(recorder.Body.Bytes())
		if err == nil {
			err = json.Unmarshal(body, response)
		}
		if err != nil {
			s.t.Error(err)
		}
	}
	return recorder.Code
}

func (s *stage) confirm(token string, seconds int) hubapi.ConfirmResponse {
	s.t.Helper()
	var response hubapi.ConfirmResponse
	if code := s.post(hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: token, WaitSeconds: seconds}, &response); code != http.StatusOK {
		s.t.Errorf("HTTP status %d", code)
	}
	return response
}

func kinds(facts []termination.Evidence) string {
	var all []string
	for _, fact := range facts {
		all = append(all, strings.TrimSpace(string(fact.Kind)+" "+fact.Subject))
	}
	return strings.Join(all, ", ")
}

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
				time.AfterFunc(time.Second, func() { s.terminate("a") })
			},
			want:    "confirmed SliceNotReady shop/cart-1, BarrierPassed node1, BarrierPassed node2",
			took:    1030 * time.Millisecond,
			outcome: Confirmed,
		},
		{
			name: "it does not terminate",
			play: func(s *stage) { s.slice(10, map[string]string{"a": "ready"}) },
			want: "final NotTerminating",
			took: 2 * time.Second,
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
			name: "the API server does not answer",
			play: func(s *stage) {
				s.terminate("a")
				s.slice(10, map[string]string{"a": "leaving", "b": "ready"})
				s.view.DropSlice(&discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "old"}}, false)
				s.nowErr = errors.New("refused")
			},
			want: "final SliceNotReady shop/cart-1, Unreachable kube-proxy",
			took: 24 * time.Second,
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
				}
				if got := state + " " + kinds(answer.Evidence); got != tt.want {
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

func TestWhoMayAsk(t *testing.T) {
	tests := []struct {
		name   string
		status *authenticationv1.TokenReviewStatus
		want   string
	}{
		{"unknown token", nil, "refused"},
		{"another audience", status("system:serviceaccount:shop:default", "a", "uid-a", "api"), "not for the audience"},
		{"not bound to a pod", status("system:serviceaccount:shop:default", "", "", hubapi.Audience), "not bound to a pod"},
		{"a user", status("alice", "a", "uid-a", hubapi.Audience), "not bound to a pod"},
		{"an earlier pod of that name", status("system:serviceaccount:shop:default", "a", "uid-old", hubapi.Audience), "not known"},
		{"the pod of another namespace", status("system:serviceaccount:other:default", "a", "uid-a", hubapi.Audience), "not known"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.add("a")
				s.terminate("a")
				s.tokens["token"] = tt.status
				answer := s.confirm("token", 1)
				if answer.Confirmed || !strings.Contains(answer.Error, tt.want) {
					t.Errorf("%+v, want an error with %q", answer, tt.want)
				}
				var record hubapi.RecordResponse
				s.post(hubapi.RecordPath, hubapi.RecordRequest{Token: "token", Records: []string{"nacos"}}, &record)
				if !strings.Contains(record.Error, tt.want) {
					t.Errorf("record: %+v, want an error with %q", record, tt.want)
				}
				var report hubapi.ReportResponse
				s.post(hubapi.ReportPath, hubapi.ReportRequest{Token: "token"}, &report)
				if !strings.Contains(report.Error, tt.want) {
					t.Errorf("report: %+v, want an error with %q", report, tt.want)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if len(s.events) > 0 {
					t.Errorf("events %q", s.events)
				}
			})
		})
	}
}

func TestTokensAreCheckedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		s.terminate("a")
		for range 10 {
			s.confirm("a", 1)
			s.confirm("forged", 1)
		}
		if s.reviews != 2 {
			t.Errorf("%d reviews, want 2", s.reviews)
		}
		time.Sleep(2 * time.Minute)
		s.confirm("a", 1)
		if s.reviews != 3 {
			t.Errorf("%d reviews after a while, want 3", s.reviews)
		}
		for i := range 2 * reviewBurst {
			s.confirm(fmt.Sprint("forged", i), 1)
		}
		if s.reviews > 3+reviewBurst {
			t.Errorf("%d reviews in a flood", s.reviews)
		}
	})
}

func TestBadRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for name, tt := range map[string]struct {
			method, path string
			body         []byte
			want         int
		}{
			"not sealed":   {http.MethodPost, hubapi.ConfirmPath, []byte(`{"token": "a"}`), 400},
			"empty":        {http.MethodPost, hubapi.ReportPath, nil, 400},
			"too large":    {http.MethodPost, hubapi.ConfirmPath, make([]byte, hubapi.MaxRequest+1), 413},
			"wrong method": {http.MethodGet, hubapi.ConfirmPath, nil, 405},
			"wrong path":   {http.MethodPost, "/", nil, 404},
		} {
			recorder := httptest.NewRecorder()
			s.server.ServeHTTP(recorder, httptest.NewRequest(tt.method, tt.path, bytes.NewReader(tt.body)))
			if recorder.Code != tt.want {
				t.Errorf("%s: HTTP status %d, want %d", name, recorder.Code, tt.want)
			}
		}
		if code := s.post(hubapi.ConfirmPath, []int{1}, nil); code != 400 {
			t.Errorf("other JSON: HTTP status %d, want 400", code)
		}
	})
}

func TestEvent(t *testing.T) {
	at := func(seconds float64) time.Time { return time.Unix(0, int64(seconds*1e9)) }
	steps := []termination.Step{{Phase: termination.LameDuck, Time: at(0)}, {Phase: termination.Draining, Time: at(1.2)}, {Phase: termination.Stopping, Time: at(1.5)}}
	tests := []struct {
		name     string
		confirm  bool
		evidence []termination.Evidence
		want     string
	}{
		{"done", true, nil, "a Normal LameDuckDone: left after 1.5s of 60.0s; 2 nodes confirmed after 0.0s; LameDuck 1.2s; Draining 0.3s"},
		{"unconfirmed", false, nil, "a Warning LameDuckUnconfirmed: left after 1.5s of 60.0s; not confirmed: Service shop/cart (port 80: no other endpoint is ready, so kube-proxy goes on sending to the pod); LameDuck 1.2s; Draining 0.3s"},
		{"late", true, []termination.Evidence{{Kind: termination.DeadlineReached, Subject: "drain", Detail: "3 busy\n\x1b[31m"}}, "a Warning LameDuckLate: left after 1.5s of 60.0s; 2 nodes confirmed after 0.0s; LameDuck 1.2s; Draining 0.3s; out of time: drain 3 busy[31m"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.add("a")
				s.terminate("a")
				s.slice(10, map[string]string{"a": "leaving", "b": map[bool]string{true: "ready", false: "leaving"}[tt.confirm]})
				s.confirm("a", 1)
				for range 3 {
					var response hubapi.ReportResponse
					s.post(hubapi.ReportPath, hubapi.ReportRequest{Token: "a", Timeline: termination.Timeline{Steps: steps, Evidence: tt.evidence}}, &response)
					if response.Error != "" {
						t.Error(response.Error)
					}
				}
				time.Sleep(3 * time.Second)
				synctest.Wait()
				if len(s.events) != 1 || s.events[0] != tt.want {
					t.Errorf("got  %q\nwant %q", s.events, tt.want)
				}
			})
		})
	}
}

func TestForgetsThePodsThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for i := range 20 {
			name := fmt.Sprint("p", i)
			s.add(name)
			s.terminate(name)
			s.confirm(name, 0)
			s.hub.Gone("uid-" + name)
			s.hub.Gone("uid-" + name)
		}
		time.Sleep(2 * keep)
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		if len(s.hub.records) != 0 {
			t.Errorf("%d records are kept", len(s.hub.records))
		}
	})
}
