package inject

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// skip says why a pod can't have a hook; empty if it can.
func skip(pod *corev1.Pod, mode v1alpha1.Mode) string {
	switch {
	case pod.DeletionTimestamp != nil:
		return "the pod is being deleted already"
	case mode == v1alpha1.ModeAgent && windows(&pod.Spec):
		return "a Windows pod: the agent runs on Linux; a DrainPolicy with mode sleep can be used"
	case pod.Spec.RestartPolicy == corev1.RestartPolicyNever, pod.Spec.RestartPolicy == corev1.RestartPolicyOnFailure:
		return "the pod runs to completion (restartPolicy " + string(pod.Spec.RestartPolicy) + "): preStop does not run then"
	case mode == v1alpha1.ModeAgent && pod.Spec.HostNetwork:
		return "host network: the agent would see all of the node's connections; a DrainPolicy with mode sleep can be used"
	}
	if room, bounded := storage(&pod.Spec); mode == v1alpha1.ModeAgent && bounded && room.Cmp(agentSize) < 0 {
		return fmt.Sprintf("its limits allow %s of ephemeral storage, and the kubelet evicts a pod that uses more: the agent's volume holds up to %s. Raise the limit; a DrainPolicy with mode sleep can be used", &room, &agentSize)
	}
	return ""
}

// storage is what the pod's containers may use of the node's disk, as the kubelet counts it: the sum
// of their limits, if any has one. What is in an emptyDir counts too.
func storage(spec *corev1.PodSpec) (room resource.Quantity, bounded bool) {
	for _, c := range spec.Containers {
		if limit, set := c.Resources.Limits[corev1.ResourceEphemeralStorage]; set {
			room.Add(limit)
			bounded = true
		}
	}
	return room, bounded
}

// windows reports whether the pod says that it runs on Windows, or can only go to such nodes.
func windows(spec *corev1.PodSpec) bool {
	if spec.OS != nil && spec.OS.Name == corev1.Windows || spec.NodeSelector[corev1.LabelOSStable] == string(corev1.Windows) {
		return true
	}
	if spec.Affinity == nil || spec.Affinity.NodeAffinity == nil || spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return false
	}
	// One of the terms is enough for a node, so all of them have to ask for Windows.
	terms := spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	return len(terms) > 0 && !slices.ContainsFunc(terms, func(term corev1.NodeSelectorTerm) bool {
		return !slices.ContainsFunc(term.MatchExpressions, func(e corev1.NodeSelectorRequirement) bool {
			return e.Key == corev1.LabelOSStable && e.Operator == corev1.NodeSelectorOpIn && slices.Equal(e.Values, []string{string(corev1.Windows)})
		})
	})
}
