package verify

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/lameduck-dev/lameduck/verify/podlog"
)

// logServer answers as the API server does for a container's log.
func logServer(t *testing.T, handler http.HandlerFunc) kubernetes.Interface {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func runningPod() *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app-1", UID: "u1"}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	return pod
}

func TestLogsAreFollowedThroughCuts(t *testing.T) {
	const stamp = "2026-01-02T03:04:%02d.5Z "
	var asked atomic.Int32
	var ended atomic.Bool
	var queries sync.Map
	client := logServer(t, func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		queries.Store(n, r.URL.Path+"?"+r.URL.RawQuery)
		switch n {
		case 1: // a kubelet that has just started
			http.NotFound(w, r)
		case 2: // the connection is cut in the middle
			fmt.Fprintf(w, stamp+"one\n", 1)
			fmt.Fprintf(w, stamp+strings.Repeat("x", 2*podlog.LineMax)+"\n", 2)
			fmt.Fprintf(w, stamp+"two\n", 3)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case 3: // the API server has lost the kubelet: it looks like the end
		default: // the rest, until the container ends
			ended.Store(true)
			fmt.Fprintf(w, stamp+"two\n", 3)
			fmt.Fprintf(w, "no stamp\n")
			fmt.Fprintf(w, stamp+"three\n", 4)
		}
	})
	var lines []string
	l := &logs{ctx: t.Context(), cluster: &Cluster{Client: client, Namespace: "shop"}, since: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), following: map[string]bool{}}
	l.ended = func(container) bool { return ended.Load() }
	l.line = func(c container, at time.Time, line []byte) {
		lines = append(lines, fmt.Sprintf("%s %d %s", c.pod, at.Second(), line))
	}
	l.follow(runningPod())
	l.follow(runningPod()) // once is enough
	l.wait()
	want := "app-1 1 one\napp-1 3 two\napp-1 3 two\napp-1 4 three\n"
	if got := strings.Join(lines, ""); got != want {
		t.Errorf("lines:\n%swant:\n%s", got, want)
	}
	if failed := l.failures(); len(failed) > 0 {
		t.Errorf("failures %q", failed)
	}
	last, _ := queries.Load(int32(4))
	if q := last.(string); !strings.HasPrefix(q, "/api/v1/namespaces/shop/pods/app-1/log?") || !strings.Contains(q, "sinceTime=2026-01-02T03%3A04%3A03Z") || !strings.Contains(q, "follow=true") {
		t.Errorf("asked again by %s", q)
	}
}

func TestLogsThatCannotBeRead(t *testing.T) {
	client := logServer(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"pods/log is forbidden"}`, http.StatusForbidden)
	})
	l := &logs{ctx: t.Context(), cluster: &Cluster{Client: client, Namespace: "shop"}, following: map[string]bool{}}
	l.ended = func(container) bool { return false }
	l.follow(runningPod())
	l.wait()
	if failed := l.failures(); len(failed) != 1 || !strings.Contains(failed[0], "the log of pod app-1, container app, could not be followed to its end") {
		t.Errorf("failures %q", failed)
	}
}
