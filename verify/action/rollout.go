package action

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// restartedAt is the annotation by which kubectl restarts a rollout.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

func (a *Actor) rolloutRestart(ctx context.Context, w *Workload) error {
	old, err := a.running(ctx, w)
	if err != nil {
		return err
	}
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{%q:%q}}}}}`, restartedAt, time.Now().Format(time.RFC3339Nano))
	if err := a.patch(ctx, w, patch); err != nil {
		return fmt.Errorf("restarting %s: %w", w, err)
	}
	a.logf("restarted %s, %d pods", w, len(old))
	if err := a.complete(ctx, w); err != nil {
		return err
	}
	return a.gone(ctx, old)
}

func (a *Actor) patch(ctx context.Context, w *Workload, patch string) error {
	apps, data := a.Client.AppsV1(), []byte(patch)
	var err error
	switch w.Kind {
	case deployment:
		_, err = apps.Deployments(a.Namespace).Patch(ctx, w.Name, types.StrategicMergePatchType, data, metav1.PatchOptions{})
	case statefulSet:
		_, err = apps.StatefulSets(a.Namespace).Patch(ctx, w.Name, types.StrategicMergePatchType, data, metav1.PatchOptions{})
	case daemonSet:
		_, err = apps.DaemonSets(a.Namespace).Patch(ctx, w.Name, types.StrategicMergePatchType, data, metav1.PatchOptions{})
	}
	return err
}

func (a *Actor) scale(ctx context.Context, w *Workload, n int32) error {
	old, err := a.running(ctx, w)
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"replicas": n}})
	if err != nil {
		return err
	}
	if err := a.patch(ctx, w, string(patch)); err != nil {
		return fmt.Errorf("scaling %s: %w", w, err)
	}
	a.logf("scaled %s from %d pods to %d", w, len(old), n)
	if err := a.complete(ctx, w); err != nil {
		return err
	}
	left, err := a.running(ctx, w)
	if err != nil {
		return err
	}
	stays := map[types.UID]bool{}
	for _, pod := range left {
		stays[pod.UID] = true
	}
	for i := len(old) - 1; i >= 0; i-- {
		if stays[old[i].UID] {
			old = append(old[:i], old[i+1:]...)
		}
	}
	return a.gone(ctx, old)
}

// complete waits until the workload's pods are all new, available, and as many as wanted.
func (a *Actor) complete(ctx context.Context, w *Workload) error {
	return until(ctx, fmt.Sprintf("%s is rolled out", w), func(ctx context.Context) (bool, error) {
		s, err := w.state(ctx, a.Client, a.Namespace)
		return err == nil && s.complete(), err
	})
}
