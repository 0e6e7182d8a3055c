package action

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	deployment  = "Deployment"
	statefulSet = "StatefulSet"
	daemonSet   = "DaemonSet"
)

var kinds = map[string]string{
	"deploy": deployment, "deployment": deployment, "deployments": deployment,
	"sts": statefulSet, "statefulset": statefulSet, "statefulsets": statefulSet,
	"ds": daemonSet, "daemonset": daemonSet, "daemonsets": daemonSet,
}

// Workload names what runs pods.
type Workload struct {
	Kind string // Deployment, StatefulSet or DaemonSet
	Name string
}

func (w *Workload) String() string { return strings.ToLower(w.Kind) + "/" + w.Name }

func parseWorkload(text string) (*Workload, error) {
	kind, name, _ := strings.Cut(text, "/")
	full := kinds[strings.ToLower(kind)]
	if full == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%w: %q is not a workload: give deployment/NAME, statefulset/NAME or daemonset/NAME", ErrUsage, text)
	}
	return &Workload{Kind: full, Name: name}, nil
}

// state is what the kinds of workload have in common.
type state struct {
	selector  string
	observed  bool  // the controller has seen the latest spec
	wanted    int32 // pods
	total     int32
	updated   int32
	available int32
}

// complete reports whether all wanted pods are there, new and available, and no others.
func (s *state) complete() bool {
	return s.observed && s.total == s.wanted && s.updated == s.wanted && s.available == s.wanted
}

// Selector is the label selector of the workload's pods.
func (w *Workload) Selector(ctx context.Context, client kubernetes.Interface, namespace string) (string, error) {
	s, err := w.state(ctx, client, namespace)
	if err != nil {
		return "", err
	}
	return s.selector, nil
}

func (w *Workload) state(ctx context.Context, client kubernetes.Interface, namespace string) (*state, error) {
	apps := client.AppsV1()
	var s state
	var selector *metav1.LabelSelector
	var err error
	switch w.Kind {
	case deployment:
		o, getErr := apps.Deployments(namespace).Get(ctx, w.Name, metav1.GetOptions{})
		if err = getErr; err == nil {
			selector = o.Spec.Selector
			s = state{observed: o.Status.ObservedGeneration >= o.Generation, wanted: replicas(o.Spec.Replicas), total: o.Status.Replicas, updated: o.Status.UpdatedReplicas, available: o.Status.AvailableReplicas}
		}
	case statefulSet:
		o, getErr := apps.StatefulSets(namespace).Get(ctx, w.Name, metav1.GetOptions{})
		if err = getErr; err == nil {
			selector = o.Spec.Selector
			s = state{observed: o.Status.ObservedGeneration >= o.Generation, wanted: replicas(o.Spec.Replicas), total: o.Status.Replicas, updated: o.Status.UpdatedReplicas, available: o.Status.AvailableReplicas}
			// When all are new the controller takes the update revision for the current one.
			if o.Status.UpdateRevision == o.Status.CurrentRevision {
				s.updated = s.total
			}
		}
	case daemonSet:
		o, getErr := apps.DaemonSets(namespace).Get(ctx, w.Name, metav1.GetOptions{})
		if err = getErr; err == nil {
			selector = o.Spec.Selector
			s = state{observed: o.Status.ObservedGeneration >= o.Generation, wanted: o.Status.DesiredNumberScheduled, total: o.Status.CurrentNumberScheduled, updated: o.Status.UpdatedNumberScheduled, available: o.Status.NumberAvailable}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s in namespace %s: %w", w, namespace, err)
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, fmt.Errorf("%s in namespace %s: its selector: %w", w, namespace, err)
	}
	s.selector = parsed.String()
	return &s, nil
}

// replicas is 1 when it is not set, as the API server takes it.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// running lists the workload's pods that are not on their way out.
func (a *Actor) running(ctx context.Context, w *Workload) ([]corev1.Pod, error) {
	selector, err := w.Selector(ctx, a.Client, a.Namespace)
	if err != nil {
		return nil, err
	}
	list, err := a.Client.CoreV1().Pods(a.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", w, err)
	}
	var pods []corev1.Pod
	for _, pod := range list.Items {
		if pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}

// permanent errors are not worth another try.
func permanent(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsNotFound(err)
}
