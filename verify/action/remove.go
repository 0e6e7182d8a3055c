package action

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// evictRetry is the pause after an eviction that a PodDisruptionBudget did not allow yet, as
// kubectl drain takes it.
const evictRetry = 5 * time.Second

type removeFunc func(ctx context.Context, pod *corev1.Pod) error

func (a *Actor) removePod(ctx context.Context, name string, remove removeFunc) error {
	pod, err := a.Client.CoreV1().Pods(a.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("pod %s in namespace %s: %w", name, a.Namespace, err)
	}
	if err := remove(ctx, pod); err != nil {
		return err
	}
	return a.gone(ctx, []corev1.Pod{*pod})
}

// removeOneOf removes a running pod of a workload, and waits until it is replaced.
func (a *Actor) removeOneOf(ctx context.Context, w *Workload, remove removeFunc) error {
	pods, err := a.running(ctx, w)
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		return fmt.Errorf("%s in namespace %s has no running pod", w, a.Namespace)
	}
	pod := pods[rand.IntN(len(pods))]
	if err := remove(ctx, &pod); err != nil {
		return err
	}
	if err := a.gone(ctx, []corev1.Pod{pod}); err != nil {
		return err
	}
	return a.complete(ctx, w)
}

func (a *Actor) deletePod(ctx context.Context, pod *corev1.Pod) error {
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
	if err := a.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options); err != nil {
		return fmt.Errorf("deleting pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	a.logf("deleted pod %s/%s", pod.Namespace, pod.Name)
	return nil
}

// evict evicts a pod, as soon as the PodDisruptionBudgets allow it.
func (a *Actor) evict(ctx context.Context, pod *corev1.Pod) error {
	eviction := &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))},
	}
	for {
		err := a.Client.PolicyV1().Evictions(pod.Namespace).Evict(ctx, eviction)
		switch {
		case err == nil:
			a.logf("evicted pod %s/%s", pod.Namespace, pod.Name)
			return nil
		case apierrors.IsNotFound(err), apierrors.IsConflict(err): // gone, or another by that name
			return nil
		case !apierrors.IsTooManyRequests(err):
			return fmt.Errorf("evicting pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
		a.logf("pod %s/%s may not be evicted yet: %v", pod.Namespace, pod.Name, err)
		select {
		case <-time.After(evictRetry):
		case <-ctx.Done():
			return fmt.Errorf("evicting pod %s/%s: %w; the last answer: %w", pod.Namespace, pod.Name, context.Cause(ctx), err)
		}
	}
}

// gone waits until none of these pods exists.
func (a *Actor) gone(ctx context.Context, pods []corev1.Pod) error {
	for i := range pods {
		pod := &pods[i]
		err := until(ctx, fmt.Sprintf("pod %s/%s is gone", pod.Namespace, pod.Name), func(ctx context.Context) (bool, error) {
			now, err := a.Client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) || (err == nil && now.UID != pod.UID) {
				return true, nil
			}
			return false, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
