package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
)

// answerTimeout bounds the wait for one answer of the API server.
const answerTimeout = 15 * time.Second

// create makes the objects. When it fails, some may be there.
func create(ctx context.Context, c kubernetes.Interface, all []*object) error {
	for _, o := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch {
		case o.kind.Kind == "ClusterRoleBinding":
			o.ownedBy(all[slices.IndexFunc(all, func(o *object) bool { return o.kind.Kind == "ClusterRole" })])
		case o != all[0] && o.GetNamespace() != "":
			o.ownedBy(all[0])
		}
		// What is under way is brought to its end: a creation that is given up may still happen.
		err := answered(context.WithoutCancel(ctx), func(ctx context.Context) error {
			made, err := o.create(ctx, c)
			if err == nil {
				o.Object = made
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("creating %s: %w%s", o, err, escalates(err))
		}
	}
	return nil
}

// answered asks the API server once, and not for long.
func answered(ctx context.Context, ask func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return ask(ctx)
}

// escalates says what to do when the user lacks the rights that a Role would give.
func escalates(err error) string {
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "attempting to grant RBAC permissions") {
		return " (nobody can give a run a right that he lacks himself: docs/verify.md lists those that it needs)"
	}
	return ""
}

// remove deletes the objects, the Job last, and waits until its pod is gone. A pod that still runs needs
// its rights to clean up after itself, so it ends before.
func (r *run) remove(ctx context.Context) error {
	r.end(ctx)
	var errs []error
	for _, o := range slices.Backward(r.objects) {
		if err := answered(ctx, func(ctx context.Context) error { return o.remove(ctx, r.Client) }); err != nil {
			errs = append(errs, fmt.Errorf("deleting %s: %w", o, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for deadline := time.Now().Add(goneMargin); ; {
		var left int
		err := answered(ctx, func(ctx context.Context) error {
			pods, err := r.pods(ctx)
			left = len(pods)
			return err
		})
		switch {
		case err == nil && left == 0:
			return nil
		case time.Now().After(deadline):
			return errors.Join(fmt.Errorf("its pod is still there %v after it was deleted", goneMargin), err)
		}
		r.Progress("waiting for the pod of job/%s to be gone", r.name)
		time.Sleep(poll)
	}
}

// end stops the pod and waits until it has ended, if it runs and can be asked.
func (r *run) end(ctx context.Context) {
	for deadline := time.Now().Add(grace + goneMargin); time.Now().Before(deadline); time.Sleep(poll) {
		var state podState
		err := answered(ctx, func(ctx context.Context) (err error) {
			state, err = r.look(ctx)
			return err
		})
		if err != nil || !state.running || state.exit != nil || r.stop(ctx) != nil {
			return
		}
		r.Progress("waiting for the pod of job/%s to end", r.name)
	}
}
