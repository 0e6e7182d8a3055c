package action

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
)

// uncordonTimeout is for the uncordon after a drain that was given up.
const uncordonTimeout = 30 * time.Second

// drain empties a node as "kubectl drain --ignore-daemonsets --delete-emptydir-data --force" does:
// pods of DaemonSets and static pods stay.
func (a *Actor) drain(ctx context.Context, node string) (err error) {
	if err := a.cordon(ctx, node, true); err != nil {
		return err
	}
	a.logf("cordoned node %s", node)
	if !a.KeepCordon {
		defer func() {
			undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), uncordonTimeout)
			defer cancel()
			if undoErr := a.cordon(undoCtx, node, false); undoErr != nil {
				err = errors.Join(err, undoErr)
				return
			}
			a.logf("uncordoned node %s", node)
		}()
	}
	list, err := a.Client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(),
	})
	if err != nil {
		return fmt.Errorf("pods of node %s: %w", node, err)
	}
	var leave []corev1.Pod
	for _, pod := range list.Items {
		if drainable(&pod) {
			leave = append(leave, pod)
		}
	}
	var evicting sync.WaitGroup
	failures := make([]error, len(leave))
	for i := range leave {
		evicting.Go(func() { failures[i] = a.evict(ctx, &leave[i]) })
	}
	evicting.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	return a.gone(ctx, leave)
}

func (a *Actor) cordon(ctx context.Context, node string, on bool) error {
	patch := fmt.Sprintf(`{"spec":{"unschedulable":%t}}`, on)
	_, err := a.Client.CoreV1().Nodes().Patch(ctx, node, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("setting unschedulable=%t on node %s: %w", on, node, err)
	}
	return nil
}

func drainable(pod *corev1.Pod) bool {
	if _, static := pod.Annotations[corev1.MirrorPodAnnotationKey]; static {
		return false
	}
	owner := metav1.GetControllerOf(pod)
	return owner == nil || owner.Kind != daemonSet
}
