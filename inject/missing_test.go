package inject

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestMissing(t *testing.T) {
	injected := mustInject(t, labelled("true"), Surroundings{}, testSettings)
	with := func(change func(*corev1.Pod)) *corev1.Pod {
		pod := labelled("true")
		change(pod)
		return pod
	}
	labels := map[string]string{Label: "true"}
	tests := []struct {
		name      string
		pod       *corev1.Pod
		namespace map[string]string
		want      bool
	}{
		{"asked for by the pod", labelled("true"), nil, true},
		{"asked for by the namespace", with(func(p *corev1.Pod) { p.Labels = nil }), labels, true},
		{"asked for wrongly", with(func(p *corev1.Pod) { p.Annotations = map[string]string{StopAnnotation: "soon"} }), nil, true},
		{"not asked for", with(func(p *corev1.Pod) { p.Labels = nil }), nil, false},
		{"opted out", labelled("false"), labels, false},
		{"has it", injected, nil, false},
		{"runs to completion", with(func(p *corev1.Pod) { p.Spec.RestartPolicy = corev1.RestartPolicyNever }), nil, false},
		{"host network", with(func(p *corev1.Pod) { p.Spec.HostNetwork = true }), nil, false},
		{"static", with(func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }), nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Missing(tt.pod, Surroundings{NamespaceLabels: tt.namespace}); got != tt.want {
				t.Errorf("missing: %t, want %t", got, tt.want)
			}
		})
	}
}
