package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	authv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/lameduck-dev/lameduck/report"
)

// script is how a cluster treats a run.
type script struct {
	pending   time.Duration // until the pod runs
	waiting   string        // the reason that the container waits for, all the time
	scheduled string        // why it is never scheduled
	event     string        // a warning about the Job, and there is no pod
	works     time.Duration // until the pod ends by itself
	code      int32
	reason    string // of the end
	noResult  bool
	cuts      int           // how often the log is cut in the middle of the result
	hides     int           // how often the log ends before the result though the pod has ended
	away      time.Duration // the API server, from when the pod runs
	vanishes  bool          // the pod, instead of its end
	refuses   string        // the resource whose creation is forbidden
	lacks     string        // the resource that the user may not create
}

// world is a cluster of objects that follows a script.
type world struct {
	script
	client *fake.Clientset
	cancel context.CancelFunc

	mu       sync.Mutex
	requests int
	stopAt   int // the request at which the user interrupts; 0: never
	pod      *corev1.Pod
	until    time.Time // the API server is away until then
	ended    chan struct{}
	done     bool
	early    []string // what was taken from a pod that still ran
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newWorld(s script) *world {
	w := &world{script: s, client: fake.NewClientset(), ended: make(chan struct{})}
	w.client.PrependReactor("*", "*", w.react)
	return w
}

func (w *world) react(action clienttesting.Action) (bool, runtime.Object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.requests++; w.requests == w.stopAt {
		w.cancel()
	}
	if time.Now().Before(w.until) {
		return true, nil, errors.New("connection refused")
	}
	resource, verb := action.GetResource().Resource, action.GetVerb()
	switch {
	case resource == "selfsubjectaccessreviews":
		review := action.(clienttesting.CreateAction).GetObject().(*authv1.SelfSubjectAccessReview)
		review.Status.Allowed = review.Spec.ResourceAttributes.Resource != w.lacks
		return true, review, nil
	case verb == "create" && resource == w.refuses:
		return true, nil, apierrors.NewForbidden(action.GetResource().GroupResource(), "x", errors.New(`user "u" is attempting to grant RBAC permissions not currently held: {...}`))
	case verb == "create" && resource == "jobs":
		action.(clienttesting.CreateAction).GetObject().(*batchv1.Job).UID = "job-uid"
	case verb == "create" && resource == "serviceaccounts":
		go w.schedule()
	case verb == "patch" && resource == "jobs":
		if patch := string(action.(clienttesting.PatchAction).GetPatch()); patch != `{"spec":{"activeDeadlineSeconds":1}}` {
			return true, nil, fmt.Errorf("an unexpected patch: %s", patch)
		}
		go w.end(3)
	case verb == "delete" && resource != "jobs" && w.pod != nil && len(w.pod.Status.ContainerStatuses) > 0 && w.pod.Status.ContainerStatuses[0].State.Running != nil:
		w.early = append(w.early, resource)
	case verb == "delete" && resource == "jobs" && w.pod != nil:
		_ = w.client.Tracker().Delete(pods, "shop", w.pod.Name)
		w.pod = nil
	}
	return false, nil, nil
}

var pods = corev1.SchemeGroupVersion.WithResource("pods")

func (w *world) schedule() {
	list, _ := w.client.BatchV1().Jobs("shop").List(context.Background(), metav1.ListOptions{})
	if len(list.Items) == 0 {
		return // removed already
	}
	job := list.Items[0]
	about := func(message string) {
		_ = w.client.Tracker().Add(&corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint(len(message))}, Type: corev1.EventTypeWarning, Reason: "FailedCreate", Message: message,
			InvolvedObject: corev1.ObjectReference{Kind: "Job", Name: job.Name, UID: job.UID},
		})
	}
	about(`Error creating: pods "x-" is forbidden: error looking up service account shop/x: serviceaccount "x" not found`)
	if w.event != "" {
		about(w.event)
		return
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: job.Name + "-abcde", UID: "u", Labels: job.Spec.Template.Labels}}
	status := corev1.ContainerStatus{Name: container, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}
	if w.waiting != "" {
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: w.waiting, Message: "why"}
	}
	if w.scheduled != "" {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: w.scheduled}}
	} else {
		pod.Spec.NodeName = "node1"
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
	}
	w.mu.Lock()
	w.pod = pod
	_ = w.client.Tracker().Add(pod)
	w.mu.Unlock()
	if w.waiting != "" || w.scheduled != "" {
		return
	}
	time.Sleep(w.pending)
	if !w.set(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}) {
		return
	}
	w.mu.Lock()
	w.until = time.Now().Add(w.away)
	w.mu.Unlock()
	time.Sleep(w.works)
	if w.vanishes {
		w.over()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.pod = nil
		_ = w.client.Tracker().Delete(pods, "shop", pod.Name)
		return
	}
	w.end(w.code)
}

// end ends the pod.
func (w *world) end(code int32) {
	if w.over() {
		time.Sleep(300 * time.Millisecond)
		w.set(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: w.reason}})
	}
}

// over notes that the pod has nothing more to do; false: it was so already.
func (w *world) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return false
	}
	w.done = true
	close(w.ended)
	return true
}

func (w *world) set(state corev1.ContainerState) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pod == nil {
		return false
	}
	pod := w.pod.DeepCopy()
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: container, State: state}}
	w.pod = pod
	return w.client.Tracker().Update(pods, pod, "shop") == nil
}

// unreachable reports whether the API server is away.
func (w *world) unreachable() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Before(w.until)
}

// open gives the pod's log: two lines at once, and the result when it has ended.
func (w *world) open(ctx context.Context, _ string, _ time.Time) (io.ReadCloser, error) {
	if w.unreachable() {
		return nil, errors.New("connection refused")
	}
	stamp := func(second int) string { return time.Unix(int64(second), 0).UTC().Format(time.RFC3339Nano) }
	var log bytes.Buffer
	fmt.Fprintf(&log, "%s first line\n%s second line\x1b[2J\n", stamp(1), stamp(2))
	var result bytes.Buffer
	losses := make([]report.Loss, 50)
	for i := range losses {
		losses[i] = report.Loss{Kind: report.EOF, ID: fmt.Sprint(i, strings.Repeat(fmt.Sprint(i*7919), 90))}
	}
	if err := WriteResult(&result, &report.Verify{Schema: report.VerifySchema, Totals: report.Counts{Requests: 70, Lost: 50}, Losses: losses}); err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write(log.Bytes())
		select {
		case <-w.ended:
		case <-ctx.Done():
			_ = writer.CloseWithError(ctx.Err())
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.noResult {
			_ = writer.Close()
			return
		}
		if w.hides > 0 {
			w.hides--
			_ = writer.Close()
			return
		}
		n := 3
		for line := range strings.Lines(result.String()) {
			if w.cuts > 0 && n == 4 {
				w.cuts--
				_ = writer.CloseWithError(errors.New("cut"))
				return
			}
			_, _ = fmt.Fprintf(writer, "%s %s", stamp(n), line)
			n++
		}
		_ = writer.Close()
	}()
	return reader, nil
}

// left names what is still there.
func (w *world) left() []string {
	var names []string
	for resource, kind := range map[schema.GroupVersionResource]string{
		batchv1.SchemeGroupVersion.WithResource("jobs"): "Job", pods: "Pod", corev1.SchemeGroupVersion.WithResource("serviceaccounts"): "ServiceAccount",
		rbacv1.SchemeGroupVersion.WithResource("roles"): "Role", rbacv1.SchemeGroupVersion.WithResource("rolebindings"): "RoleBinding",
		rbacv1.SchemeGroupVersion.WithResource("clusterroles"): "ClusterRole", rbacv1.SchemeGroupVersion.WithResource("clusterrolebindings"): "ClusterRoleBinding",
	} {
		list, err := w.client.Tracker().List(resource, resource.GroupVersion().WithKind(kind), "")
		if err != nil {
			return []string{err.Error()}
		}
		_ = meta.EachListItem(list, func(o runtime.Object) error {
			names = append(names, resource.Resource+"/"+o.(metav1.Object).GetName())
			return nil
		})
	}
	return names
}

func testSpec() Spec {
	return Spec{
		Namespace: "shop", Image: "registry.example/lameduck:v1", Args: []string{"verify", "--url=http://app"}, AvoidNode: "node2", Lasts: time.Hour,
		Rules:        []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}}},
		ClusterRules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"patch"}}},
	}
}

func (w *world) run(t *testing.T) (result *report.Verify, code int, said string, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.cancel = cancel
	var out syncBuffer
	result, code, err = Run(ctx, Options{
		Client: w.client, Spec: testSpec(), StartTimeout: 2 * time.Minute, Out: &out, Open: w.open,
		Progress: func(format string, args ...any) { fmt.Fprintf(&out, "… "+format+"\n", args...) },
	})
	if w.early != nil {
		t.Errorf("deleted while the pod still ran: %q", w.early)
	}
	w.end(0)
	synctest.Wait()
	return result, code, out.String(), err
}

type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func TestRun(t *testing.T) {
	tests := []struct {
		name   string
		script script
		code   int
		result bool
		err    string
		says   string
	}{
		{name: "lost", script: script{works: time.Minute, code: 1}, code: 1, result: true, says: "first line\nsecond line·[2J\n"},
		{name: "pending for long", script: script{pending: 100 * time.Second, works: time.Minute}, result: true, says: "it is to be started on node node1"},
		{name: "a log that is cut", script: script{works: time.Minute, code: 1, cuts: 5}, code: 1, result: true},
		{name: "a log that ends too early", script: script{works: time.Minute, code: 1, hides: 2}, code: 1, result: true},
		{name: "a result that never comes", script: script{works: time.Minute, code: 1, hides: 100}, code: 1, err: "ended with exit code 1 (), and its log has no result"},
		{name: "nothing proved", script: script{works: time.Minute, code: 3, noResult: true}, code: 3},
		{name: "killed", script: script{works: time.Minute, code: 137, reason: "OOMKilled", noResult: true}, code: 137, err: "ended with exit code 137 (OOMKilled), and its log has no result"},
		{name: "pending for too long", script: script{pending: time.Hour}, err: "its pod does not run after 2m0s: it is to be started on node node1"},
		{name: "unschedulable", script: script{scheduled: "0/3 nodes are available"}, err: "its pod does not run after 2m0s: 0/3 nodes are available"},
		{name: "no such image", script: script{waiting: "ImagePullBackOff"}, err: "its image can't be pulled: ImagePullBackOff why (name one by --image"},
		{name: "no container", script: script{waiting: "CreateContainerConfigError"}, err: "its container can't be started"},
		{name: "quota", script: script{event: `Error creating: pods "x-1" is forbidden: exceeded quota: all`}, err: "the cluster refuses its pod: FailedCreate: Error creating: pods \"x-1\" is forbidden: exceeded quota: all"},
		{name: "no right to create", script: script{lacks: "roles"}, err: "this user may not create roles.rbac.authorization.k8s.io, delete roles.rbac.authorization.k8s.io (namespace shop)"},
		{name: "no right to give", script: script{refuses: "clusterroles"}, err: "creating clusterroles/lameduck-verify-"},
		{name: "API server away", script: script{works: 3 * time.Minute, away: time.Minute}, result: true, says: "waiting for the API server"},
		{name: "API server away for long", script: script{works: time.Hour, away: 10 * time.Minute}, err: "the API server has been away for 2m0s", says: "not all of job/"},
		{name: "the pod vanishes", script: script{works: time.Minute, vanishes: true, noResult: true}, err: "its pod is gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(tt.script)
				result, code, said, err := w.run(t)
				if code != tt.code || (result != nil) != tt.result || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("result %v, code %d, error %v", result != nil, code, err)
				}
				if !strings.Contains(said, tt.says) || strings.Count(said, "first line") > 1 {
					t.Errorf("said:\n%s", said)
				}
				if result != nil && (len(result.Losses) != 50 || result.Totals.Lost != 50) {
					t.Errorf("the result has %d losses", len(result.Losses))
				}
				if left := w.left(); left != nil && !strings.Contains(said, "not all of job/") {
					t.Errorf("left: %q", left)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// TestInterrupt: whenever the user interrupts, nothing is left, and what was seen until then is told.
func TestInterrupt(t *testing.T) {
	for at := 1; ; at++ {
		var requests int
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(script{pending: 3 * time.Second, works: 5 * time.Second, code: 1})
			w.stopAt = at
			result, code, said, err := w.run(t)
			requests = w.requests
			switch {
			case errors.Is(err, ErrInterrupted), err != nil && errors.Is(err, context.Canceled):
				if result != nil {
					t.Errorf("interrupted at request %d: a result, and %v", at, err)
				}
			case err != nil || result == nil || code != 3 && code != 1:
				t.Errorf("interrupted at request %d: code %d, error %v\n%s", at, code, err, said)
			}
			if left := w.left(); left != nil {
				t.Errorf("interrupted at request %d: left: %q\n%s", at, left, said)
			}
			time.Sleep(time.Hour)
		})
		if at > requests {
			t.Logf("interrupted at each of %d requests", requests)
			if at < 20 {
				t.Errorf("only %d requests", requests)
			}
			return
		}
	}
}
