package inject

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

var testSettings = Settings{AgentImage: "agent:v1", HubAddresses: []string{"10.96.0.17:80"}, HubKey: "a2V5"}

func compare(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func ptr[T any](v T) *T { return &v }

func mustInject(t *testing.T, pod *corev1.Pod, around Surroundings, settings Settings) *corev1.Pod {
	t.Helper()
	before := pod.DeepCopy()
	result, err := Pod(pod, around, settings)
	if err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(before, pod) {
		t.Error("the argument was changed")
	}
	return result.Pod
}

func labelled(value string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{Label: value}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: ptr(int64(90)),
			InitContainers:                []corev1.Container{{Name: "first", Image: "a"}},
			Containers: []corev1.Container{{
				Name: "web", Image: "a",
				Ports:        []corev1.ContainerPort{{ContainerPort: 80}},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
				Lifecycle: &corev1.Lifecycle{
					PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/hello"}}},
					PreStop:   &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/bye"}}},
				},
			}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		},
	}
}

func TestOptingOutTakesAllOut(t *testing.T) {
	pod := labelled("true")
	in := mustInject(t, pod, Surroundings{}, testSettings)
	in.Labels[Label] = "false"
	out := mustInject(t, in, Surroundings{}, testSettings)
	pod.Labels[Label] = "false"
	if !equality.Semantic.DeepEqual(pod, out) {
		t.Errorf("something is left (-before +after):\n%s", cmp.Diff(pod, out))
	}
}

func TestSkippedPodsSayWhy(t *testing.T) {
	host := labelled("true")
	host.Spec.HostNetwork = true
	deleted := labelled("true")
	deleted.DeletionTimestamp = &metav1.Time{}
	small := labelled("true")
	small.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("2Mi")}
	for _, pod := range []*corev1.Pod{host, deleted, small} {
		result, err := Pod(pod, Surroundings{}, testSettings)
		if err != nil || result.Skipped == "" {
			t.Fatalf("skipped %q, %v", result.Skipped, err)
		}
		if status := ReadStatus(result.Pod.Annotations); status == nil || status.Skipped != result.Skipped {
			t.Errorf("the annotation says %+v", status)
		}
	}
	static := labelled("true")
	static.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "hash"}
	if result, err := Pod(static, Surroundings{}, testSettings); err != nil || result.Skipped == "" || !equality.Semantic.DeepEqual(static, result.Pod) {
		t.Errorf("a static pod was changed, or not skipped: %q, %v", result.Skipped, err)
	}
}

// TestUnaskedIsKept: a pod that came injected from a file stays so where nobody opted it in.
func TestUnaskedIsKept(t *testing.T) {
	in := mustInject(t, labelled("true"), Surroundings{}, testSettings)
	delete(in.Labels, Label)
	if out := mustInject(t, in, Surroundings{}, Settings{AgentImage: "other"}); !equality.Semantic.DeepEqual(in, out) {
		t.Errorf("it was changed:\n%s", cmp.Diff(in, out))
	}
}

// TestRenewing injects by one policy and then by another: it must be as if only the second
// had been there.
func TestRenewing(t *testing.T) {
	policies := map[string]v1alpha1.DrainPolicySpec{
		"agent":    {},
		"sleep":    {Mode: v1alpha1.ModeSleep},
		"patient":  {MinWait: duration(20 * s), Stop: duration(12 * s)},
		"no hub":   {},
		"long nap": {Mode: v1alpha1.ModeSleep, MaxWait: duration(40 * s)},
	}
	around := func(name string) (Surroundings, Settings) {
		policy := drainPolicy(name, 0)
		spec := policies[name]
		spec.Selector = policy.Spec.Selector
		policy.Spec = spec
		settings := testSettings
		if name == "no hub" {
			settings.HubKey, settings.AgentImage = "", "agent:v2"
		}
		return Surroundings{Policies: []v1alpha1.DrainPolicy{policy}}, settings
	}
	hooks := map[string]*corev1.LifecycleHandler{
		"none":  nil,
		"exec":  {Exec: &corev1.ExecAction{Command: []string{"/bye"}}},
		"sleep": {Sleep: &corev1.SleepAction{Seconds: 15}},
		"http":  {HTTPGet: &corev1.HTTPGetAction{Path: "/bye", Scheme: corev1.URISchemeHTTP}},
		"tcp":   {TCPSocket: &corev1.TCPSocketAction{}},
	}
	for first := range policies {
		for second := range policies {
			for name, hook := range hooks {
				t.Run(first+", "+second+", "+name, func(t *testing.T) {
					pod := labelled("true")
					pod.Spec.Containers[0].Lifecycle.PreStop = hook
					a, settings := around(first)
					once := mustInject(t, pod, a, settings)
					b, settings := around(second)
					if got, want := mustInject(t, once, b, settings), mustInject(t, pod, b, settings); !equality.Semantic.DeepEqual(want, got) {
						t.Errorf("-injected +renewed:\n%s", cmp.Diff(want, got))
					}
				})
			}
		}
	}
}

func TestStatusIsReadBack(t *testing.T) {
	out := mustInject(t, labelled("true"), Surroundings{}, testSettings)
	compare(t, &Status{
		Version: 1, Because: "label on the pod", Mode: v1alpha1.ModeAgent,
		Grace: &GraceStatus{Before: 90, After: 90},
		Containers: []ContainerStatus{{
			Name: "web", Hook: "agent", Note: "its own command runs after drain",
			Was: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/bye"}}},
			Env: []string{termination.StopVariable},
		}},
	}, ReadStatus(out.Annotations))
}

func TestGraceIsTellingWhatItWas(t *testing.T) {
	pod := labelled("true")
	pod.Spec.TerminationGracePeriodSeconds = nil
	once := mustInject(t, pod, Surroundings{}, testSettings)
	twice := mustInject(t, once, Surroundings{}, testSettings)
	compare(t, &GraceStatus{Before: 30, After: 60}, ReadStatus(twice.Annotations).Grace)
	*twice.Spec.TerminationGracePeriodSeconds = 70 // by its owner
	compare(t, &GraceStatus{Before: 70, After: 70}, ReadStatus(mustInject(t, twice, Surroundings{}, testSettings).Annotations).Grace)
}

// TestLimits checks the init container against what a LimitRange may ask for, given that the
// pod's own containers fulfil it.
func TestLimits(t *testing.T) {
	list := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	}
	containers := []corev1.Container{
		{Resources: corev1.ResourceRequirements{Requests: list("500m", "64Mi"), Limits: list("1", "128Mi")}},
		{Resources: corev1.ResourceRequirements{Requests: list("100m", "1Gi"), Limits: list("200m", "2Gi")}},
		{Resources: corev1.ResourceRequirements{Limits: list("300m", "300Mi")}},
	}
	got := initResources(containers)
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		var low, high, ratio float64 = 1e18, 0, 0
		for _, c := range containers {
			requested, limit := request(c, name), c.Resources.Limits[name]
			low, high = min(low, requested.AsApproximateFloat64()), max(high, limit.AsApproximateFloat64())
			ratio = max(ratio, limit.AsApproximateFloat64()/requested.AsApproximateFloat64())
		}
		requested, limit := got.Requests[name], got.Limits[name]
		if r, l := requested.AsApproximateFloat64(), limit.AsApproximateFloat64(); r < low || l > high || l/r > ratio {
			t.Errorf("%s: request %v, limit %v, outside of %v to %v, ratio %v", name, r, l, low, high, ratio)
		}
	}
	none := initResources([]corev1.Container{{}, containers[0]})
	if len(none.Requests) > 0 || len(none.Limits) > 0 {
		t.Errorf("beside a container without resources it has %v", none)
	}
}

func TestAnnotationsHaveABound(t *testing.T) {
	pod := labelled("true")
	pod.Spec.Containers[0].Lifecycle.PreStop.Exec.Command = []string{"/bye", string(make([]byte, maxAnnotations))}
	if result, err := Pod(pod, Surroundings{}, testSettings); err == nil || !equality.Semantic.DeepEqual(result.Pod, pod) {
		t.Errorf("error %v, want one, and the pod as it was", err)
	}
}

// BenchmarkPod is what the webhook's decision costs, beside reading and writing the pod.
func BenchmarkPod(b *testing.B) {
	pod := labelled("true")
	around := Surroundings{Policies: []v1alpha1.DrainPolicy{drainPolicy("web", 0, "app=web"), drainPolicy("all", 0)}}
	for b.Loop() {
		if _, err := Pod(pod, around, testSettings); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOwnVolumeIsTheirs: a volume that only bears our name is the user's, and is not taken over.
func TestOwnVolumeIsTheirs(t *testing.T) {
	pod := labelled("true")
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: Volume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: Volume, MountPath: "/cache"})
	var invalid *Invalid
	if _, err := Pod(pod, Surroundings{}, testSettings); !errors.As(err, &invalid) {
		t.Errorf("the user's volume was taken over: %v", err)
	}
}

// TestSleepBeyondTheGracePeriod: what never ran to its end does not become the least wait.
func TestSleepBeyondTheGracePeriod(t *testing.T) {
	for sleep, want := range map[int64]string{10: "--min-wait=10s", 20: "--min-wait=20s", 3600: "--min-wait=20s", 99_999_999: "--min-wait=20s"} {
		pod := labelled("true")
		pod.Spec.TerminationGracePeriodSeconds = ptr[int64](20)
		pod.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sleep", fmt.Sprint(sleep)}}}}
		in := mustInject(t, pod, Surroundings{}, testSettings)
		hook := strings.Join(in.Spec.Containers[0].Lifecycle.PreStop.Exec.Command, " ")
		if !strings.Contains(hook, want) || *in.Spec.TerminationGracePeriodSeconds != 60 {
			t.Errorf("sleep %d: %s, grace period %d s", sleep, hook, *in.Spec.TerminationGracePeriodSeconds)
		}
	}
}
