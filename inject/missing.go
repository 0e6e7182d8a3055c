package inject

import corev1 "k8s.io/api/core/v1"

// Missing reports whether the pod should have a hook and bears no sign of injection: it was created
// before it was asked for, or the webhook could not be reached.
func Missing(pod *corev1.Pod, around Surroundings) bool {
	if ReadStatus(pod.Annotations) != nil || pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		return false
	}
	// A pod with a wrong setting still misses the hook that it asks for.
	policy, _ := Resolve(pod, around)
	return policy.OptedIn && skip(pod, policy.Mode) == ""
}
