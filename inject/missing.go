package inject

import corev1 "k8s.io/api/core/v1"

// Missing reports whether the pod should have a hook and injection has left no sign on it: it was
// made before it was asked for, or the webhook was not reached.
func Missing(pod *corev1.Pod, around Surroundings) bool {
	if ReadStatus(pod.Annotations) != nil || pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		return false
	}
	// What the pod asks wrongly is no reason not to miss the hook that it asks for.
	policy, _ := Resolve(pod, around)
	return policy.OptedIn && skip(pod, policy.Mode) == ""
}
