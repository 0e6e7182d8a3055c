package hub

import (
	"bytes"
	"context"
	"crypto/hpke"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
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
	unheard map[string]*corev1.Pod // pods as they are, where the hub has not heard of it
	readErr error
	reads   int
	behind  time.Duration    // how much later the barrier's write reaches the view
	write   uint64           // of the barrier
	reused  *barrier.Verdict // what a pass gives instead of writing
	reading func()           // while a pod is read

	away     bool                       // the API server: nothing can be written or read
	marked   int                        // marks asked for
	services map[string]*corev1.Service // as they are, where the hub has not heard of it
	read     int                        // readings of Services
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
	s := &stage{t: t, view: view.New("zz"), pods: map[string]*corev1.Pod{}, unheard: map[string]*corev1.Pod{}, tokens: map[string]*authenticationv1.TokenReviewStatus{}}
	if s.public, err = seal.ParsePublic(public); err != nil {
		t.Fatal(err)
	}
	s.pass = func(context.Context) []barrier.Verdict {
		time.Sleep(30 * time.Millisecond)
		return []barrier.Verdict{{Node: "node1", Passed: true, Time: time.Now()}, {Node: "node2", Passed: true, Time: time.Now()}}
	}
	s.view.Listed("5")
	s.hub = New(Config{
		View:     s.view,
		Barriers: func(corev1.IPFamily) Barrier { return s },
		Marks:    s,
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
	pass, behind := s.pass, s.behind
	if s.reused != nil {
		s.mu.Unlock()
		return []barrier.Verdict{*s.reused}
	}
	s.write = max(s.write, change.ResourceVersion) + 1
	version, written := s.write, time.Now()
	s.mu.Unlock()
	if behind == 0 {
		s.view.Mark("barrier-1", version)
	} else {
		time.AfterFunc(behind, func() { s.view.Mark("barrier-1", version) })
	}
	verdicts := pass(ctx)
	for i := range verdicts {
		if verdicts[i].Passed {
			verdicts[i].Version, verdicts[i].Written = version, written
		}
	}
	return verdicts
}

// late sets how much later what is written from now on reaches the view.
func (s *stage) late(behind time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = behind
}

// Mark writes a mark; it reaches the view as late as the barrier's writes do.
func (s *stage) Mark(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marked++
	if s.away {
		return 0, errors.New("connection refused")
	}
	s.write++
	version := s.write
	if s.behind == 0 {
		s.view.Mark("mark", version)
	} else {
		time.AfterFunc(s.behind, func() { s.view.Mark("mark", version) })
	}
	return version, nil
}

func (s *stage) Service(_ context.Context, namespace, name string) (*corev1.Service, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read++
	if s.away {
		return nil, errors.New("connection refused")
	}
	return s.services[namespace+"/"+name], nil
}

func (s *stage) Pod(namespace, name string) *corev1.Pod {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pods[namespace+"/"+name]
}

func (s *stage) Read(_ context.Context, namespace, name string) (*corev1.Pod, error) {
	if s.reading != nil {
		s.reading()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if pod := s.unheard[namespace+"/"+name]; pod != nil {
		return pod, s.readErr
	}
	return s.pods[namespace+"/"+name], s.readErr
}

func (s *stage) Event(pod *corev1.Pod, eventType, reason, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fmt.Sprintf("%s %s %s: %s", pod.Name, eventType, reason, message))
}

func (s *stage) Began() {}
func (s *stage) Gone()  {}
func (s *stage) Found(outcome Outcome, _ time.Duration) {
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

// bound is the token of a pod on the stage.
func bound(name string) string { return tokenOf("shop", name, "uid-"+name) }

// tokenOf gives a token as the API server makes them, but for the signature.
func tokenOf(namespace, pod, uid string) string {
	claims := fmt.Sprintf(`{"kubernetes.io": {"namespace": %q, "pod": {"name": %q, "uid": %q}}}`, namespace, pod, uid)
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

// add puts a pod on the stage.
func (s *stage) add(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)}}
	pod.Spec.NodeName = "node1"
	pod.Status.PodIPs = []corev1.PodIP{{IP: "10.1.0.1"}}
	s.pods["shop/"+name] = pod
	s.tokens[bound(name)] = status("system:serviceaccount:shop:default", name, "uid-"+name, hubapi.Audience)
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
	s.pods["shop/"+name] = terminating(s.pods["shop/"+name])
}

// terminateUnheard terminates a pod, and the hub's informer is behind.
func (s *stage) terminateUnheard(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unheard["shop/"+name] = terminating(s.pods["shop/"+name])
}

func terminating(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	now, grace := metav1.Now(), int64(60)
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &now, &grace
	return pod
}

// slice has the pods stand as told; "ready", or "leaving".
func (s *stage) slice(version int, pods map[string]string, labels ...string) {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: "cart-1", ResourceVersion: fmt.Sprint(version), Labels: map[string]string{discoveryv1.LabelServiceName: "cart"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new(string), Port: new(int32(80))}},
	}
	for i := 0; i+1 < len(labels); i += 2 {
		if slice.Labels[labels[i]] = labels[i+1]; labels[i] == discoveryv1.LabelServiceName {
			slice.Name = labels[i+1] + "-1"
		}
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

// leave has pod a leave, with a minute to do so, while b stays.
func (s *stage) leave() {
	s.t.Helper()
	s.add("a")
	s.delete("a", 60)
	s.slice(100, map[string]string{"a": "leaving", "b": "ready"})
}

// post sends a sealed request as an agent does.
func (s *stage) post(path string, request, response any) int {
	s.t.Helper()
	return s.postFrom("10.1.0.1:4711", path, request, response)
}

func (s *stage) postFrom(remote, path string, request, response any) int {
	s.t.Helper()
	plain, err := json.Marshal(request)
	if err != nil {
		s.t.Fatal(err)
	}
	sealed, open, err := seal.Request(s.public, path, plain)
	if err != nil {
		s.t.Fatal(err)
	}
	recorder := s.send(remote, path, sealed)
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

// send has the hub answer a body as it is.
func (s *stage) send(remote, path string, body []byte) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	request.RemoteAddr = remote
	recorder := httptest.NewRecorder()
	s.server.ServeHTTP(recorder, request)
	return recorder
}

func (s *stage) confirm(name string, seconds int) hubapi.ConfirmResponse {
	s.t.Helper()
	var response hubapi.ConfirmResponse
	if code := s.post(hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: bound(name), WaitSeconds: seconds}, &response); code != http.StatusOK {
		s.t.Errorf("HTTP status %d", code)
	}
	return response
}

// hold asks as an agent that knows it is confirmed.
func (s *stage) hold(name string, seconds int) hubapi.ConfirmResponse {
	s.t.Helper()
	var response hubapi.ConfirmResponse
	if code := s.post(hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: bound(name), WaitSeconds: seconds, Confirmed: true}, &response); code != http.StatusOK {
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
