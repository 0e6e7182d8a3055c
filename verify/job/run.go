package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/lameduck-dev/lameduck/report"
	"github.com/lameduck-dev/lameduck/verify/podlog"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

const (
	poll       = time.Second
	goneMargin = 30 * time.Second // beyond the grace period, for kubelet and API server
	lostAfter  = 2 * time.Minute  // how long the API server may be away
	linesShown = 10_000           // of the pod's log
)

// Options say what to run, and where its words go.
type Options struct {
	Client       kubernetes.Interface
	Spec         Spec
	Name         string                           // of all that is made; default: NewName
	StartTimeout time.Duration                    // how long the pod may take until it runs
	Out          io.Writer                        // what the pod writes for people
	Progress     func(format string, args ...any) // what is waited for
	// Open opens the log of a pod; default: by Client.
	Open func(ctx context.Context, pod string, since time.Time) (io.ReadCloser, error)
}

// run is a run under way.
type run struct {
	Options
	name    string
	objects []*object

	result pieces
	lines  int
	shown  time.Time // of the last line that was shown
	since  time.Time // from where the log is read
}

// ErrInterrupted says that ctx ended before the pod ran.
var ErrInterrupted = errors.New("interrupted before the load began: nothing was proved")

// Run makes the Job and all that it needs, shows what its pod writes, and removes everything, however it
// ends. It returns the pod's result and exit code; without a result and an error, the pod has said itself
// why it proved nothing.
//
// When ctx ends, the pod is told to stop, and its result covers the time until then. That objects are left
// is said on Out.
func Run(ctx context.Context, o Options) (result *report.Verify, code int, err error) {
	r := &run{Options: o, name: cmp.Or(o.Name, NewName())}
	r.objects = o.Spec.objects(r.name)
	if r.Open == nil {
		r.Open = func(ctx context.Context, pod string, since time.Time) (io.ReadCloser, error) {
			return o.Client.CoreV1().Pods(o.Spec.Namespace).GetLogs(pod, podlog.Options(container, since)).Stream(ctx)
		}
	}
	r.Progress("asking what this user may do in namespace %s", o.Spec.Namespace)
	if err := mayRun(ctx, o.Client, r.objects); err != nil {
		return nil, 0, err
	}
	printable.Fprintf(o.Out, "running in the cluster as job/%s, namespace %s, image %s\n", r.name, o.Spec.Namespace, o.Spec.Image)
	defer func() {
		if removeErr := r.remove(context.WithoutCancel(ctx)); removeErr != nil {
			printable.Fprintf(o.Out, "not all of job/%s could be removed: %v\n", r.name, removeErr)
			printable.Fprintf(o.Out, "the Job ends within %v and goes %v later; until then: kubectl -n %s delete job,role,rolebinding,serviceaccount -l %s=%s%s\n",
				o.Spec.Lasts, kept, o.Spec.Namespace, runLabel, r.name, r.wideLeft())
		}
	}()
	if err := create(ctx, o.Client, r.objects); err != nil {
		if ctx.Err() != nil {
			return nil, 0, ErrInterrupted
		}
		return nil, 0, err
	}
	pod, err := r.started(ctx)
	if err != nil {
		return nil, 0, err
	}
	r.Progress("") // from now on it says itself how it goes
	return r.follow(ctx, pod)
}

// wideLeft is the command that deletes what is in no namespace.
func (r *run) wideLeft() string {
	if len(r.Spec.ClusterRules) == 0 {
		return ""
	}
	return fmt.Sprintf("; kubectl delete clusterrole,clusterrolebinding -l %s=%s", runLabel, r.name)
}

// started waits until the pod runs, and returns its name.
func (r *run) started(ctx context.Context) (string, error) {
	deadline := time.Now().Add(r.StartTimeout)
	for {
		state, err := r.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return "", ErrInterrupted
		case err != nil:
			return "", err
		case state.running:
			return state.name, nil
		case state.failed != nil:
			return "", fmt.Errorf("job/%s: %w", r.name, state.failed)
		case time.Now().After(deadline):
			return "", fmt.Errorf("job/%s: its pod does not run after %v: %s", r.name, r.StartTimeout, state.waits)
		}
		r.Progress("waiting for the pod of job/%s, at most %v: %s", r.name, r.StartTimeout, state.waits)
		if pause(ctx) != nil {
			return "", ErrInterrupted
		}
	}
}

// poll asks for the state of the pod; it bears an API server that is away for a while.
func (r *run) poll(ctx context.Context) (state podState, err error) {
	for began := time.Now(); ; {
		err = answered(ctx, func(ctx context.Context) error {
			state, err = r.look(ctx)
			return err
		})
		if err == nil || apierrors.IsForbidden(err) || ctx.Err() != nil {
			return state, err
		}
		if time.Since(began) > lostAfter {
			return state, fmt.Errorf("the API server has been away for %v: %w", lostAfter, err)
		}
		r.Progress("waiting for the API server: %v", err)
		if pauseErr := pause(ctx); pauseErr != nil {
			return state, pauseErr
		}
	}
}

// stop has the pod end in order, by the deadline that ends it when nobody is there any more: the Job
// makes no other.
func (r *run) stop(ctx context.Context) error {
	return answered(ctx, func(ctx context.Context) error {
		_, err := r.Client.BatchV1().Jobs(r.Spec.Namespace).Patch(ctx, r.name, types.MergePatchType, []byte(`{"spec":{"activeDeadlineSeconds":1}}`), metav1.PatchOptions{})
		return err
	})
}

// pause sleeps until the next look, or returns ctx's error when it ends before.
func pause(ctx context.Context) error {
	select {
	case <-time.After(poll):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
