package inject

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// TestRestricted asks the library that the API server itself asks, before and after: what
// "restricted" took, it takes with the agent in it, wherever the pod says what it must say.
func TestRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	refused := func(pod *corev1.Pod) string {
		level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
		return result.ForbiddenDetail()
	}
	full := &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr(false), RunAsNonRoot: ptr(true), RunAsUser: ptr(int64(1000)),
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	least := &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	tests := []struct {
		name      string
		pod       *corev1.PodSecurityContext
		container *corev1.SecurityContext
	}{
		{"the container says all", nil, full},
		{"the pod says what it can", &corev1.PodSecurityContext{RunAsNonRoot: ptr(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}, least},
		{"the pod says something else", &corev1.PodSecurityContext{FSGroup: ptr(int64(3000))}, full},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := labelled("true")
			pod.Spec.InitContainers = nil
			pod.Spec.SecurityContext = tt.pod
			pod.Spec.Containers[0].SecurityContext = tt.container
			if why := refused(pod); why != "" {
				t.Fatalf("refused as it is: %s", why)
			}
			if why := refused(mustInject(t, pod, Surroundings{}, testSettings)); why != "" {
				t.Errorf("refused with the agent: %s", why)
			}
		})
	}
	bare := labelled("true")
	if refused(bare) == "" {
		t.Error("a pod that says nothing is not refused: the test tests nothing")
	}
}
