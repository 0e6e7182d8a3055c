package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (r *run) pods(ctx context.Context) ([]corev1.Pod, error) {
	list, err := r.Client.CoreV1().Pods(r.Spec.Namespace).List(ctx, metav1.ListOptions{LabelSelector: runLabel + "=" + r.name, Limit: 10})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of job/%s: %w", r.name, err)
	}
	return list.Items, nil
}

// podState is what is to be known of the run's pod.
type podState struct {
	name    string
	waits   string                           // what it waits for, as long as it does not run
	failed  error                            // why it will never run
	running bool                             // it runs, or did
	exit    *corev1.ContainerStateTerminated // once it has ended
}

// look asks for the state of the run's pod.
func (r *run) look(ctx context.Context) (podState, error) {
	pods, err := r.pods(ctx)
	if err != nil {
		return podState{}, err
	}
	if len(pods) > 0 {
		return stateOf(&pods[0]), nil
	}
	refused, err := r.refused(ctx)
	return podState{waits: "no pod yet", failed: refused}, err
}

// stateOf judges a pod's status.
func stateOf(pod *corev1.Pod) podState {
	s := podState{name: pod.Name, waits: "it is to be scheduled"}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			s.waits = condition.Message
		}
	}
	if pod.Spec.NodeName != "" {
		s.waits = "it is to be started on node " + pod.Spec.NodeName
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name != container {
			continue
		}
		switch state := status.State; {
		case state.Running != nil:
			s.running = true
		case state.Terminated != nil:
			s.running, s.exit = true, state.Terminated
		case state.Waiting != nil && state.Waiting.Reason != "ContainerCreating" && state.Waiting.Reason != "PodInitializing":
			s.waits = strings.TrimSpace(state.Waiting.Reason + " " + state.Waiting.Message)
			s.failed = hopeless(state.Waiting)
		}
	}
	if s.exit == nil && (pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded) {
		s.failed = fmt.Errorf("pod %s ended: %s", pod.Name, strings.TrimSpace(pod.Status.Reason+" "+pod.Status.Message))
	}
	return s
}

// hopeless says why a container that waits will not be started, if it is so. A first failed pull is tried
// again.
func hopeless(waiting *corev1.ContainerStateWaiting) error {
	switch waiting.Reason {
	case "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName":
		return fmt.Errorf("its image can't be pulled: %s %s (name one by --image that the nodes can pull)", waiting.Reason, waiting.Message)
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		return fmt.Errorf("its container can't be started: %s %s", waiting.Reason, waiting.Message)
	}
	return nil
}

// refused says why the Job has no pod, if its controller was refused one: by a quota, by Pod Security or
// by a webhook.
func (r *run) refused(ctx context.Context) (because, err error) {
	list, err := r.Client.CoreV1().Events(r.Spec.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.kind=Job,involvedObject.name=" + r.name, Limit: 100,
	})
	if err != nil {
		return nil, fmt.Errorf("listing the events of job/%s: %w", r.name, err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Event) int {
		return cmp.Or(a.LastTimestamp.Compare(b.LastTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, event := range slices.Backward(list.Items) {
		if event.InvolvedObject.UID != r.objects[0].GetUID() || event.Type != corev1.EventTypeWarning {
			continue
		}
		// Until the ServiceAccount is there no pod is made.
		if strings.Contains(event.Message, "service account") && strings.Contains(event.Message, "not found") {
			continue
		}
		return fmt.Errorf("the cluster refuses its pod: %s: %s", event.Reason, event.Message), nil
	}
	return nil, nil
}

// failedJob says why the Job ended without a pod.
func (r *run) failedJob(ctx context.Context) error {
	job, err := r.Client.BatchV1().Jobs(r.Spec.Namespace).Get(ctx, r.name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("its pod is gone, and job/%s: %w", r.name, err)
	}
	for _, condition := range job.Status.Conditions {
		if condition.Type == batchv1.JobFailed && condition.Status == corev1.ConditionTrue {
			return fmt.Errorf("its pod is gone, and job/%s failed: %s %s", r.name, condition.Reason, condition.Message)
		}
	}
	return errors.New("its pod is gone: somebody deleted it, or its node left")
}
