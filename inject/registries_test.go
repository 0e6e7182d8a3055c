package inject

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/kinds"
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
	return Surroundings{Policies: []v1alpha1.DrainPolicy{policy}, Rights: PolicyRights{Any: true}}
}

// projected is a Secret's part of a volume.
func projected(secret string, items ...corev1.KeyToPath) corev1.VolumeProjection {
	return corev1.VolumeProjection{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Optional: ptr(true), Items: items,
	}}
}

func TestPolicyRegistries(t *testing.T) {
	pod := labelled("true")
	pod.Spec.TerminationGracePeriodSeconds = ptr(int64(30))
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "OWN", Value: "1"}}
	pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "portless", Image: "b"})
	got := mustInject(t, pod, registryPolicy(), testSettings)

	wantArg := "--registry=nacos password-file=/lameduck-registry/0/password server=nacos:8848 service=orders username-file=/lameduck-registry/0/username"
	if args := got.Spec.InitContainers[0].Args; !slices.Contains(args, wantArg) {
		t.Errorf("%q lacks %q", args, wantArg)
	}
	compare(t, []corev1.EnvVar{
		{Name: "OWN", Value: "1"}, {Name: termination.StopVariable, Value: "10s"},
		{Name: "SERVER_SHUTDOWN", Value: "graceful"},
		{Name: "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE", Value: "10000ms"},
	}, got.Spec.Containers[0].Env)
	// The Secret is a file of the hook's container, and of no other.
	compare(t, corev1.Volume{Name: CredentialsVolume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources:     []corev1.VolumeProjection{projected("nacos", corev1.KeyToPath{Key: "user", Path: "0/username"}, corev1.KeyToPath{Key: "pass", Path: "0/password"})},
		DefaultMode: ptr(int32(0o444)),
	}}}, got.Spec.Volumes[len(got.Spec.Volumes)-1])
	compare(t, corev1.VolumeMount{Name: CredentialsVolume, MountPath: CredentialsDir, ReadOnly: true}, got.Spec.Containers[0].VolumeMounts[len(got.Spec.Containers[0].VolumeMounts)-1])
	if other := got.Spec.Containers[1]; other.VolumeMounts != nil || other.Env != nil {
		t.Errorf("a container without a hook got %+v, %+v", other.VolumeMounts, other.Env)
	}
	if mounts := got.Spec.InitContainers[0].VolumeMounts; len(mounts) != 1 {
		t.Errorf("the init container got %+v", mounts)
	}
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

// TestCredentialsOfAGroup: where the pod's volumes have a group, nobody else reads them.
func TestCredentialsOfAGroup(t *testing.T) {
	pod := labelled("true")
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr(int64(2000))}
	got := mustInject(t, pod, registryPolicy(), testSettings)
	if mode := *got.Spec.Volumes[len(got.Spec.Volumes)-1].Projected.DefaultMode; mode != 0o440 {
		t.Errorf("mode %o", mode)
	}
}

// TestOlderCredentials: a pod that was injected when credentials were variables is renewed.
func TestOlderCredentials(t *testing.T) {
	pod := mustInject(t, labelled("true"), registryPolicy(), testSettings)
	status := ReadStatus(pod.Annotations)
	status.Containers[0].Env = append(status.Containers[0].Env, "LAMEDUCK_REGISTRY_0_PASSWORD")
	if err := annotate(pod, *status); err != nil {
		t.Fatal(err)
	}
	pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: "LAMEDUCK_REGISTRY_0_PASSWORD", ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "nacos"}, Key: "pass"},
	}})
	renewed := mustInject(t, pod, registryPolicy(), testSettings)
	for _, variable := range renewed.Spec.Containers[0].Env {
		if strings.HasPrefix(variable.Name, "LAMEDUCK_REGISTRY_") {
			t.Errorf("%s is left", variable.Name)
		}
	}
}

// TestWhatAPolicyMayNotName: who may write DrainPolicies, and neither pods nor Secrets, can't have
// pods send to a server of his what he could not read. Once a server of his was sent the pods'
// service account token, by password-file.
func TestWhatAPolicyMayNotName(t *testing.T) {
	const token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	nacos, err := kinds.All.ParseServer("nacos server=nacos-0:8848,nacos-1:8848 context=/nacos secret=own")
	if err != nil {
		t.Fatal(err)
	}
	rights := PolicyRights{Servers: registry.Servers{nacos}, Secrets: []string{"shop/orders"}}
	credentials := func(secret string) *v1alpha1.Credentials {
		return &v1alpha1.Credentials{SecretName: secret, TokenKey: "t", CAKey: "ca"}
	}
	const files = " ca-file=/lameduck-registry/0/ca"
	for _, tt := range []struct {
		name        string
		kind        string
		settings    map[string]string
		credentials *v1alpha1.Credentials
		want        string
		warned      int
	}{
		{"one of the installation's servers", "nacos", map[string]string{"server": "nacos-1:8848", "service": "a"}, nil, "nacos context=/nacos server=nacos-0:8848,nacos-1:8848 service=a", 0},
		{"by another path", "nacos", map[string]string{"server": "http://nacos-1:8848/evil", "context": "/evil"}, nil, "nacos context=/nacos server=nacos-0:8848,nacos-1:8848", 0},
		{"a server of his own", "nacos", map[string]string{"server": "evil:80", "service": "a"}, nil, "nacos service=a", 1},
		{"beside one of the installation's", "nacos", map[string]string{"server": "nacos-0:8848,evil:80", "context": "/x"}, nil, "nacos", 2},
		{"a path alone", "nacos", map[string]string{"context": "/evil"}, nil, "nacos", 1},
		{"files", "nacos", map[string]string{"server": "nacos-0:8848", "token-file": token, "ca-file": token, "cert-file": token, "key-file": token}, nil, "nacos context=/nacos server=nacos-0:8848,nacos-1:8848", 4},
		{"variables", "nacos", map[string]string{"username-env": "HOME", "password-env": "DATABASE_PASSWORD"}, nil, "nacos", 2},
		{"another's instance", "nacos", map[string]string{"ip": "10.0.0.8", "port": "80"}, nil, "nacos port=80", 1},
		{"the pod itself", "dubbo", map[string]string{"server": "127.0.0.1:33333"}, nil, "dubbo server=127.0.0.1:33333", 0},
		{"another pod's command port", "dubbo", map[string]string{"server": "10.0.0.8:22222"}, nil, "dubbo", 1},
		{"an actuator that listens elsewhere", "actuator", map[string]string{"server": "evil:80", "context": "/x"}, nil, "actuator", 2},
		{"a Secret of the installation's list", "nacos", nil, credentials("orders"), "nacos" + files + " token-file=/lameduck-registry/0/token", 0},
		{"a Secret that was made for lameduck", "nacos", nil, credentials("lameduck-nacos"), "nacos" + files + " token-file=/lameduck-registry/0/token", 0},
		{"any other Secret", "nacos", nil, credentials("database"), "nacos", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			around := registryPolicy()
			around.Rights = rights
			around.Policies[0].Namespace = "shop"
			around.Policies[0].Spec.Registries = []v1alpha1.Registry{{Kind: tt.kind, Settings: tt.settings, Credentials: tt.credentials}}
			result, err := Pod(labelled("true"), around, testSettings)
			if err != nil {
				t.Fatal(err)
			}
			args := result.Pod.Spec.InitContainers[0].Args
			if !slices.Contains(args, "--registry="+tt.want) {
				t.Errorf("%q lacks %q", args, tt.want)
			}
			spec, err := kinds.All.ParseSpec(tt.kind)
			if err != nil {
				t.Fatal(err)
			}
			if confirm := "--confirm=" + max(30*time.Second, consumersNeed([]registry.Spec{spec})).String(); !slices.Contains(args, confirm) {
				t.Errorf("%q lacks %s: its consumers are not waited for", args, confirm)
			}
			if len(result.Warnings) != tt.warned {
				t.Errorf("%d warnings, want %d: %q", len(result.Warnings), tt.warned, result.Warnings)
			}
			if text := fmt.Sprint(result.Pod.Spec); strings.Contains(text, "evil") || strings.Contains(text, token) || strings.Contains(text, "database") {
				t.Errorf("the pod holds what the policy may not name: %s", text)
			}
		})
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
		{"none", corev1.Container{}, []string{termination.StopVariable, "SERVER_SHUTDOWN", "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"}},
		{"in the environment, spelt in another way", corev1.Container{Env: []corev1.EnvVar{{Name: "spring.lifecycle.timeout-per-shutdown-phase", Value: "5s"}}}, []string{termination.StopVariable, "SERVER_SHUTDOWN"}},
		{"as an argument", corev1.Container{Args: []string{"--server.shutdown=immediate"}}, []string{termination.StopVariable, "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"}},
		{"as a property", corev1.Container{Command: []string{"java", "-Dserver.shutdown=immediate"}}, []string{termination.StopVariable, "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, addEnv(&tt.c, stopEnv(policy)))
		})
	}
}
