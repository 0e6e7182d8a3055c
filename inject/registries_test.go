package inject

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

func registryPolicy() Surroundings {
	policy := drainPolicy("orders", 0)
	policy.Spec.Selector = &metav1.LabelSelector{}
	policy.Spec.Registries = []v1alpha1.Registry{{
		Kind:        "nacos",
		Settings:    map[string]string{"server": "nacos:8848", "service": "orders"},
		Credentials: &v1alpha1.Credentials{SecretName: "nacos", UsernameKey: "user", PasswordKey: "pass"},
	}}
	policy.Spec.Framework = v1alpha1.SpringBoot
	return Surroundings{Policies: []v1alpha1.DrainPolicy{policy}}
}

func TestPolicyRegistries(t *testing.T) {
	pod := labelled("true")
	pod.Spec.TerminationGracePeriodSeconds = ptr(int64(30))
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "OWN", Value: "1"}}
	got := mustInject(t, pod, registryPolicy(), testSettings)

	wantArg := "--registry=nacos password-env=LAMEDUCK_REGISTRY_0_PASSWORD server=nacos:8848 service=orders username-env=LAMEDUCK_REGISTRY_0_USERNAME"
	if args := got.Spec.InitContainers[0].Args; !slices.Contains(args, wantArg) {
		t.Errorf("%q lacks %q", args, wantArg)
	}
	compare(t, []corev1.EnvVar{
		{Name: "OWN", Value: "1"},
		{Name: "SERVER_SHUTDOWN", Value: "graceful"},
		{Name: "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE", Value: "10000ms"},
		secretVariable("LAMEDUCK_REGISTRY_0_USERNAME", "nacos", "user"),
		secretVariable("LAMEDUCK_REGISTRY_0_PASSWORD", "nacos", "pass"),
	}, got.Spec.Containers[0].Env)
	// announce 3 s, 50 s for withdrawal and consumers' caches, drain 15 s, stop 10 s, margin 2 s.
	compare(t, int64(80), *got.Spec.TerminationGracePeriodSeconds)

	again, err := Pod(got, registryPolicy(), testSettings)
	if err != nil || len(again.Changes) > 0 {
		t.Errorf("a second pass: %v, %q\n%s", err, again.Changes, cmp.Diff(got, again.Pod))
	}
	got.Labels[Label], pod.Labels[Label] = "false", "false"
	out := mustInject(t, got, registryPolicy(), testSettings)
	out.Spec.TerminationGracePeriodSeconds = pod.Spec.TerminationGracePeriodSeconds
	if !equality.Semantic.DeepEqual(pod, out) {
		t.Errorf("something is left (-before +after):\n%s", cmp.Diff(pod, out))
	}
}

func TestAnnotatedRegistries(t *testing.T) {
	for _, tt := range []struct {
		name, registry, maxWait string
		flags                   []string
		confirm                 string
		err                     string
	}{
		{"two, one a line", "nacos server=nacos:8848 service=orders\n\n  nacos service=\"a b\"\n", "",
			[]string{"--registry=nacos server=nacos:8848 service=orders", `--registry=nacos service="a b"`}, "--confirm=50s", ""},
		{"consumers that cache longer", "nacos stale=2m", "", []string{"--registry=nacos stale=2m"}, "--confirm=2m10s", ""},
		{"the pod's own limit goes before it", "nacos", "20s", []string{"--registry=nacos"}, "--confirm=20s", ""},
		{"no variable of the container's is expanded by the kubelet", "nacos service=$(NAME)", "", []string{"--registry=nacos service=$$(NAME)"}, "--confirm=50s", ""},
		{"misspelt", "nacos sever=x", "", nil, "", `no key "sever"`},
		{"unknown", "noccos", "", nil, "", "no registry of kind"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pod := labelled("true")
			pod.Spec.TerminationGracePeriodSeconds = ptr(int64(30))
			pod.Annotations = map[string]string{RegistryAnnotation: tt.registry}
			if tt.maxWait != "" {
				pod.Annotations[MaxWaitAnnotation] = tt.maxWait
			}
			result, err := Pod(pod, Surroundings{}, testSettings)
			if tt.err != "" {
				if invalid := (*Invalid)(nil); !errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, flag := range append(tt.flags, tt.confirm) {
				if args := result.Pod.Spec.InitContainers[0].Args; !slices.Contains(args, flag) {
					t.Errorf("%q lacks %q", args, flag)
				}
			}
		})
	}
}

func TestRegistriesInModeSleep(t *testing.T) {
	around := registryPolicy()
	around.Policies[0].Spec.Mode = v1alpha1.ModeSleep
	result, err := Pod(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a"}}}}, around, testSettings)
	if err != nil || !slices.ContainsFunc(result.Warnings, func(w string) bool { return strings.Contains(w, "no registry is left") }) {
		t.Errorf("%v, %q", err, result.Warnings)
	}
}

func TestFrameworkLeavesOwnSettings(t *testing.T) {
	policy := Policy{Framework: v1alpha1.SpringBoot}
	policy.Budget.Stop = 20 * time.Second
	for _, tt := range []struct {
		name string
		c    corev1.Container
		want []string
	}{
		{"none", corev1.Container{}, []string{"SERVER_SHUTDOWN", "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"}},
		{"in the environment, spelt in another way", corev1.Container{Env: []corev1.EnvVar{{Name: "spring.lifecycle.timeout-per-shutdown-phase", Value: "5s"}}}, []string{"SERVER_SHUTDOWN"}},
		{"as an argument", corev1.Container{Args: []string{"--server.shutdown=immediate"}}, []string{"SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"}},
		{"as a property", corev1.Container{Command: []string{"java", "-Dserver.shutdown=immediate"}}, []string{"SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, addEnv(&tt.c, frameworkEnv(policy)))
		})
	}
}
