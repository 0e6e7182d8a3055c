package inject

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// check is what must hold for every pod, whatever is in it: Pod does not panic, never lowers
// the grace period, changes nothing but what it says, and does twice what it does once.
func check(t *testing.T, pod *corev1.Pod, sleep, optIn bool) (injected bool) {
	t.Helper()
	around := Surroundings{}
	if optIn {
		around.NamespaceLabels = map[string]string{Label: "true"}
	}
	if sleep {
		policy := drainPolicy("sleep", 0)
		policy.Spec.Mode = v1alpha1.ModeSleep
		around.Policies = append(around.Policies, policy)
	}
	before := pod.DeepCopy()
	result, err := Pod(pod, around, testSettings)
	if !equality.Semantic.DeepEqual(before, pod) {
		t.Fatal("the argument was changed")
	}
	if err != nil {
		if !equality.Semantic.DeepEqual(before, result.Pod) {
			t.Fatalf("an error, and yet a change: %v", err)
		}
		return false
	}
	if a, b := graceOf(pod), graceOf(result.Pod); b < a {
		t.Fatalf("the grace period went from %d to %d", a, b)
	}
	if a, b := rest(pod), rest(result.Pod); !equality.Semantic.DeepEqual(a, b) {
		t.Fatalf("other fields changed:\n%s", cmp.Diff(a, b))
	}
	again, err := Pod(result.Pod, around, testSettings)
	if err != nil || len(again.Changes) > 0 {
		t.Fatalf("a second pass: %v, %q\n%s", err, again.Changes, cmp.Diff(result.Pod, again.Pod))
	}
	return result.OptedIn && result.Skipped == ""
}

func FuzzPod(f *testing.F) {
	for _, pod := range []*corev1.Pod{labelled("true"), labelled("false")} {
		for range 2 {
			data, err := json.Marshal(pod)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(data), false, true)
			pod.Annotations = map[string]string{StatusAnnotation: `{"version":1,"grace":{"before":1,"after":90},"containers":[{"name":"web","hook":"agent"}]}`, QuietAnnotation: "1s-2s"}
			pod.Spec.Containers[0].Lifecycle.PreStop.Exec.Command = []string{AgentPath, "prestop", "--container=web"}
		}
	}
	f.Add(`{"spec":{"containers":[{"name":"a","lifecycle":{"preStop":{"exec":{"command":["sh","-c","sleep 5; sleep 1e9"]}}}},{"name":"a"},{"lifecycle":{}}],"volumes":[{"name":"lameduck"}]}}`, true, true)
	f.Fuzz(func(t *testing.T, data string, sleep, optIn bool) {
		pod := new(corev1.Pod)
		if json.Unmarshal([]byte(data), pod) != nil {
			t.Skip("no pod")
		}
		check(t, pod, sleep, optIn)
	})
}

// FuzzFilledPod makes the pod from a seed: every field of the API is filled in some of them.
func FuzzFilledPod(f *testing.F) {
	for seed := range int64(300) {
		f.Add(seed, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed int64, sleep bool) {
		pod := filled(seed)
		check(t, pod, sleep, true)
	})
}

// TestFilledPodsAreInjected keeps the fuzz target honest: most of its pods are not skipped.
func TestFilledPodsAreInjected(t *testing.T) {
	injected := 0
	for seed := range int64(100) {
		if check(t, filled(seed), seed%2 == 0, true) {
			injected++
		}
	}
	if injected < 50 {
		t.Errorf("only %d of 100 pods were injected", injected)
	}
}

func filled(seed int64) *corev1.Pod {
	fill := randfill.NewWithSeed(seed).NilChance(0.5).NumElements(0, 3).MaxDepth(8).Funcs(
		func(q *resource.Quantity, c randfill.Continue) { q.SetMilli(c.Int63n(10_000)) },
		func(v *intstr.IntOrString, c randfill.Continue) {
			if *v = intstr.FromInt32(c.Int31n(70_000)); c.Bool() {
				*v = intstr.FromString("http")
			}
		},
		func(command *[]string, c randfill.Continue) {
			pool := [][]string{nil, {"sleep", "9"}, {"sh", "-c", "sleep 3; /bye"}, {"/bye"}, {AgentPath, "prestop"}, {"/x/lameduck-agent", "prestop"}, {ImageAgentPath}}
			*command = pool[c.Intn(len(pool))]
		},
		func(name *corev1.ResourceName, c randfill.Continue) {
			*name = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, "nvidia.com/gpu"}[c.Intn(3)]
		},
	)
	pod := new(corev1.Pod)
	fill.Fill(&pod.Spec)
	pod.Spec.OS, pod.Spec.RestartPolicy, pod.Spec.HostNetwork = nil, "", false
	names := []string{Volume, TokenVolume, InitContainer, "data", "other"}
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].Name = "c" + strconv.Itoa(i)
	}
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "app"})
	if seed%5 == 0 {
		for i := range pod.Spec.Volumes {
			pod.Spec.Volumes[i].Name = names[i%len(names)]
		}
		for i := range pod.Spec.InitContainers {
			pod.Spec.InitContainers[i].Name = InitContainer
		}
	}
	return pod
}

// rest is the pod without what injection may change.
func rest(pod *corev1.Pod) *corev1.Pod {
	out := pod.DeepCopy()
	delete(out.Annotations, StatusAnnotation)
	out.Spec.TerminationGracePeriodSeconds = nil
	var volumes []corev1.Volume
	for _, v := range out.Spec.Volumes {
		if v.Name != Volume && v.Name != TokenVolume {
			volumes = append(volumes, v)
		}
	}
	out.Spec.Volumes = volumes
	var inits []corev1.Container
	for _, c := range out.Spec.InitContainers {
		if c.Name != InitContainer {
			inits = append(inits, c)
		}
	}
	out.Spec.InitContainers = inits
	for i := range out.Spec.Containers {
		c := &out.Spec.Containers[i]
		if c.Lifecycle != nil {
			c.Lifecycle.PreStop = nil
			if *c.Lifecycle == (corev1.Lifecycle{}) {
				c.Lifecycle = nil
			}
		}
		c.Env = slices.DeleteFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == termination.StopVariable })
		var mounts []corev1.VolumeMount
		for _, m := range c.VolumeMounts {
			if m.MountPath != Dir && m.MountPath != TokenDir {
				mounts = append(mounts, m)
			}
		}
		c.VolumeMounts = mounts
	}
	return out
}
