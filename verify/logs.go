package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lameduck-dev/lameduck/verify/podlog"
)

const (
	logRetry = 200 * time.Millisecond
	logTries = 600 // in a row, without a line between: an API server may be away for two minutes
)

// logs follows the logs of containers until they end. The logs of a pod are gone with the pod,
// so they are followed, not read at the end.
type logs struct {
	ctx     context.Context
	cluster *Cluster
	since   time.Time
	line    func(c container, at time.Time, line []byte)
	ended   func(c container) bool // as the watch knows it

	wg        sync.WaitGroup
	mu        sync.Mutex
	following map[string]bool
	failed    []string
}

// container is one run of one container.
type container struct {
	uid      types.UID
	pod      string
	name     string
	restarts int32
}

func (c container) key() string { return fmt.Sprintf("%s/%s/%d", c.uid, c.name, c.restarts) }

// follow follows each container of pod that runs and is not followed yet.
func (l *logs) follow(pod *corev1.Pod) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, status := range pod.Status.ContainerStatuses {
		c := container{uid: pod.UID, pod: pod.Name, name: status.Name, restarts: status.RestartCount}
		if status.State.Waiting != nil || l.following[c.key()] {
			continue
		}
		l.following[c.key()] = true
		l.wg.Go(func() { l.read(c) })
	}
}

// read follows one container's log through cuts of the connection. A cut between the API server
// and the kubelet looks like the log's end, so the end counts only if the container has ended.
func (l *logs) read(c container) {
	since := l.since
	for tries := 0; ; tries++ {
		last, err := l.stream(c, since)
		if l.ctx.Err() != nil || l.ended(c) && (err == nil || apierrors.IsNotFound(err)) {
			return
		}
		if err == nil {
			err = errors.New("it ends while the container still runs")
		}
		if last.After(since) {
			since, tries = last, 0
		}
		// Not found may mean a kubelet that has just started.
		if tries == logTries || apierrors.IsForbidden(err) {
			l.mu.Lock()
			l.failed = append(l.failed, fmt.Sprintf("the log of pod %s, container %s, could not be followed to its end: %v", c.pod, c.name, err))
			l.mu.Unlock()
			return
		}
		if pause(l.ctx, logRetry) != nil {
			return
		}
	}
}

// stream reads a log until it ends (no error) or the connection is cut, and says how far it came.
func (l *logs) stream(c container, since time.Time) (last time.Time, err error) {
	body, err := l.cluster.Client.CoreV1().Pods(l.cluster.Namespace).GetLogs(c.pod, podlog.Options(c.name, since)).Stream(l.ctx)
	if err != nil {
		return since, err
	}
	defer body.Close()
	return podlog.Read(body, since, func(at time.Time, text []byte) { l.line(c, at, text) })
}

func (l *logs) wait() { l.wg.Wait() }

// failures says which logs are incomplete.
func (l *logs) failures() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.failed)
	return l.failed
}
