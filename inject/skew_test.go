package inject

import (
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// TestTheAgentBeforeKnowsEveryFlag: testdata/before.txt lists the flags of the agent of the minor
// version before, whose install still fails on any other, and with it every new pod. What that
// agent can't know is written only for pods that ask for it. It is renewed with each minor version.
func TestTheAgentBeforeKnowsEveryFlag(t *testing.T) {
	text, err := os.ReadFile("testdata/before.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := strings.Fields(string(text))
	annotated := labelled("true")
	annotated.Annotations = map[string]string{
		RegistryAnnotation: "nacos server=nacos:8848 service=orders", QuietAnnotation: "500ms-2s", PortsAnnotation: "80",
		StopAnnotation: "20s", MinWaitAnnotation: "3s", MaxWaitAnnotation: "40s", ExistingHookAnnotation: "announce",
	}
	probed := labelled("true")
	probed.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}}}
	probed.Spec.Containers[0].Lifecycle.PreStop = &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/bye", Port: intstr.FromInt32(80), HTTPHeaders: []corev1.HTTPHeader{{Name: "A", Value: "b"}}}}
	for _, pod := range []*corev1.Pod{labelled("true"), annotated, probed} {
		result := mustInject(t, pod, Surroundings{Policies: []v1alpha1.DrainPolicy{drainPolicy("any", 0)}}, testSettings)
		commands := [][]string{result.Spec.InitContainers[0].Args[2:]}
		for _, c := range result.Spec.Containers {
			commands = append(commands, c.Lifecycle.PreStop.Exec.Command[2:])
		}
		for _, args := range commands {
			for _, arg := range args {
				if arg == "--" {
					break
				}
				name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
				if !slices.Contains(known, name) {
					t.Errorf("%s: the agent of the version before fails on it", arg)
				}
			}
		}
	}
}
