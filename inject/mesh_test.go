package inject

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// meshed is a pod whose application declares no port, beside a mesh's proxy that declares one.
func meshed(proxy string) *corev1.Pod {
	pod := labelled("true")
	pod.Spec.Containers[0].Ports, pod.Spec.Containers[0].Lifecycle = nil, nil
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: proxy, Image: "proxy:1", Ports: []corev1.ContainerPort{{ContainerPort: 15090}}})
	return pod
}

func hooked(pod *corev1.Pod) (names []string) {
	for _, c := range pod.Spec.Containers {
		if c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
			names = append(names, c.Name)
		}
	}
	return names
}

// TestMeshProxies: the application and a mesh's proxy beside it are both held up, whichever declares
// ports and whichever is named; and it comes out the same if the mesh injects its proxy afterwards.
func TestMeshProxies(t *testing.T) {
	for _, proxy := range meshProxies {
		t.Run(proxy, func(t *testing.T) {
			pod := meshed(proxy)
			both := []string{"web", proxy}
			in := mustInject(t, pod, Surroundings{}, testSettings)
			if got := hooked(in); !slices.Equal(got, both) {
				t.Errorf("hooked %v, want both", got)
			}
			named := meshed(proxy)
			named.Annotations = map[string]string{ContainersAnnotation: "web"}
			if got := hooked(mustInject(t, named, Surroundings{}, testSettings)); !slices.Equal(got, both) {
				t.Errorf("with the application named: hooked %v, want both", got)
			}
			before := meshed(proxy)
			before.Spec.Containers = before.Spec.Containers[:1]
			later := mustInject(t, before, Surroundings{}, testSettings)
			later.Spec.Containers = append(later.Spec.Containers, pod.Spec.Containers[1])
			if later = mustInject(t, later, Surroundings{}, testSettings); !equality.Semantic.DeepEqual(later, in) {
				t.Errorf("with the mesh's webhook called after ours it is another pod: hooked %v", hooked(later))
			}
		})
	}
	native := labelled("true")
	always := corev1.ContainerRestartPolicyAlways
	native.Spec.InitContainers = append(native.Spec.InitContainers, corev1.Container{Name: istioProxy, RestartPolicy: &always})
	in := mustInject(t, native, Surroundings{}, testSettings)
	if sidecar := in.Spec.InitContainers[len(in.Spec.InitContainers)-1]; sidecar.Lifecycle != nil || in.Annotations[istioConfig] != "" {
		t.Errorf("a native sidecar was changed: %+v", sidecar)
	}
}

// TestIstioDrain: the proxy drains for as long as the application may take to stop, unless somebody has
// said how it is to end.
func TestIstioDrain(t *testing.T) {
	tests := []struct {
		name       string
		annotation string
		env        []corev1.EnvVar
		hook       string // the application's own
		mode       v1alpha1.Mode
		stop       string
		want       string
		warns      string
	}{
		{name: "nothing said", want: "terminationDrainDuration: 10s"},
		{name: "in mode sleep", mode: v1alpha1.ModeSleep, want: "terminationDrainDuration: 10s"},
		{name: "a longer stop", stop: "45s", want: "terminationDrainDuration: 45s"},
		{name: "a stop that the default covers", stop: "5s", want: ""},
		{name: "an own hook", hook: "/bye; sleep 7", want: "terminationDrainDuration: 17s"},
		{name: "an empty mesh configuration", env: []corev1.EnvVar{{Name: "PROXY_CONFIG", Value: "{}\n"}}, want: "terminationDrainDuration: 10s"},
		{name: "the mesh says enough", env: []corev1.EnvVar{{Name: "PROXY_CONFIG", Value: `{"terminationDrainDuration":"30s"}`}}, want: ""},
		{name: "the mesh says too little", env: []corev1.EnvVar{{Name: "PROXY_CONFIG", Value: `{"terminationDrainDuration":"6s"}`}}, want: "", warns: "drains for 6s"},
		{name: "the mesh has it leave when it is idle", env: []corev1.EnvVar{{Name: "PROXY_CONFIG", Value: `{"proxyMetadata":{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":"true"}}`}}, want: ""},
		{name: "a variable has it leave when it is idle", env: []corev1.EnvVar{{Name: exitWhenIdle, Value: "true"}}, want: ""},
		{name: "the user says enough", annotation: "terminationDrainDuration: 25s\n", want: "terminationDrainDuration: 25s\n"},
		{name: "the user says too little", annotation: "terminationDrainDuration: 3s", want: "terminationDrainDuration: 3s", warns: "drains for 3s"},
		{name: "the user says something else", annotation: "concurrency: 2", want: "concurrency: 2", warns: "5s by default"},
		{name: "the user says nonsense", annotation: "{", want: "{"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := meshed(istioProxy)
			pod.Spec.Containers[1].Env = tt.env
			pod.Annotations = map[string]string{}
			if tt.annotation != "" {
				pod.Annotations[istioConfig] = tt.annotation
			}
			if tt.stop != "" {
				pod.Annotations[StopAnnotation] = tt.stop
			}
			if tt.hook != "" {
				pod.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", tt.hook}}}}
			}
			policy := drainPolicy("web", 0)
			policy.Spec.Mode = tt.mode
			around := Surroundings{Policies: []v1alpha1.DrainPolicy{policy}}
			result, err := Pod(pod, around, testSettings)
			if err != nil || result.Pod.Annotations[istioConfig] != tt.want {
				t.Errorf("the annotation is %q (%v), want %q", result.Pod.Annotations[istioConfig], err, tt.want)
			}
			if said := strings.Join(result.Warnings, "\n"); strings.Contains(said, "terminationDrainDuration") != (tt.warns != "") || !strings.Contains(said, tt.warns) {
				t.Errorf("warnings %q, want one with %q", said, tt.warns)
			}
			again := mustInject(t, result.Pod, around, testSettings)
			if again.Annotations[istioConfig] != tt.want || !equality.Semantic.DeepEqual(again, result.Pod) {
				t.Errorf("the second time the annotation is %q", again.Annotations[istioConfig])
			}
			again.Labels[Label] = "false"
			if out := mustInject(t, again, Surroundings{}, testSettings); out.Annotations[istioConfig] != tt.annotation {
				t.Errorf("opted out, the annotation is %q, want %q", out.Annotations[istioConfig], tt.annotation)
			}
		})
	}
}
