package command

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/lameduck-dev/lameduck/agent"
	"github.com/lameduck-dev/lameduck/agent/command"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/inject"
)

// TestAgentTakesWhatInjectWrites hands every command line that injection writes to the agent's
// own flag parsers: the two can't import one another.
func TestAgentTakesWhatInjectWrites(t *testing.T) {
	_, key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	hooks := map[string]*corev1.LifecycleHandler{
		"none":    nil,
		"sleep":   {Sleep: &corev1.SleepAction{Seconds: 7}},
		"exec":    {Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "sleep 1; bye --help"}}},
		"request": {HTTPGet: &corev1.HTTPGetAction{Path: "/a path?b=c d", Port: intstr.FromInt32(80), HTTPHeaders: []corev1.HTTPHeader{{Name: "X-From", Value: "a: b"}, {Name: "Host", Value: "web"}}}},
		"host":    {HTTPGet: &corev1.HTTPGetAction{Host: "fd00::1", Port: intstr.FromString("http")}},
	}
	for name, hook := range hooks {
		for _, when := range []string{"stop", "announce"} {
			for _, hubKey := range []string{key, ""} {
				t.Run(name+", "+when, func(t *testing.T) {
					pod := &corev1.Pod{
						ObjectMeta: metav1.ObjectMeta{
							Labels: map[string]string{inject.Label: "true"},
							Annotations: map[string]string{
								inject.ExistingHookAnnotation: when, inject.PortsAnnotation: "80,http", inject.MinWaitAnnotation: "1500ms",
								inject.QuietAnnotation: "400ms-3s", inject.StopAnnotation: "1m30s",
							},
						},
						Spec: corev1.PodSpec{Containers: []corev1.Container{{
							Name: "web", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
							ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("http")}}},
							Lifecycle:      &corev1.Lifecycle{PreStop: hook},
						}}},
					}
					result, err := inject.Pod(pod, inject.Surroundings{}, inject.Settings{
						AgentImage: "agent", HubAddresses: []string{"10.96.0.1:80", "[fd00::1]:80", "lameduck-hub.lameduck-system.svc:80"}, HubKey: hubKey,
					})
					if err != nil {
						t.Fatal(err)
					}
					takesInstall(t, result.Pod.Spec.InitContainers[0])
					takesPrestop(t, result.Pod.Spec.Containers[0].Lifecycle.PreStop.Exec.Command)
				})
			}
		}
	}
}

// TestAgentTakesEveryGrace: whatever grace period a pod may have, the agent understands what it is
// told. Once the two had bounds of their own.
func TestAgentTakesEveryGrace(t *testing.T) {
	for _, grace := range []int64{1, 30, 25 * 3600, 367 * 24 * 3600, math.MaxInt64} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{inject.Label: "true"}, Annotations: map[string]string{inject.MaxWaitAnnotation: "24h"}},
			Spec: corev1.PodSpec{TerminationGracePeriodSeconds: &grace, Containers: []corev1.Container{{
				Name: "web", LivenessProbe: &corev1.Probe{
					ProbeHandler:                  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(80)}},
					TerminationGracePeriodSeconds: &grace,
				},
			}}},
		}
		result, err := inject.Pod(pod, inject.Surroundings{}, inject.Settings{AgentImage: "agent"})
		if err != nil {
			t.Fatal(err)
		}
		takesInstall(t, result.Pod.Spec.InitContainers[0])
	}
}

func takesInstall(t *testing.T, init corev1.Container) {
	t.Helper()
	args := slices.Clone(init.Args)
	dir := t.TempDir()
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "$(LAMEDUCK_HOST_IPS)", "10.0.0.1,fd00::2")
		if arg == inject.Dir {
			args[i] = dir
		}
	}
	var out bytes.Buffer
	if code := command.Main(args, "test", &out, &out); code != command.ExitDone {
		t.Fatalf("install: exit code %d: %s\n%q", code, out.String(), args)
	}
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config []string
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(args[2:], config); diff != "" {
		t.Errorf("prestop would read other settings (-wrote +reads):\n%s", diff)
	}
	if filepath.Base(inject.AgentPath) != "agent" {
		t.Errorf("the agent installs itself as agent, the hook calls %s", inject.AgentPath)
	}
	if _, err := os.Stat(filepath.Join(dir, filepath.Base(inject.AgentPath))); err != nil {
		t.Error(err)
	}
}

// takesPrestop asks for help behind the last flag: an earlier flag that the agent does not
// know would come first, and make it wait.
func takesPrestop(t *testing.T, hook []string) {
	t.Helper()
	end := slices.Index(hook, "--")
	if end < 0 {
		end = len(hook)
	}
	args := slices.Insert(slices.Clone(hook[1:]), end-1, "--help")
	var out bytes.Buffer
	if code := command.Main(args, "test", &out, &out); code != command.ExitDone || !strings.HasPrefix(out.String(), "Usage: lameduck-agent prestop") {
		t.Errorf("prestop: exit code %d: %s\n%q", code, out.String(), args)
	}
}

// TestDefaultsAgree: what injection writes when nothing is asked for is what the agent does
// when nothing is written.
func TestDefaultsAgree(t *testing.T) {
	policy, err := inject.Resolve(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{inject.Label: "true"}}}, inject.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	want := agent.Default()
	got := agent.Config{
		Budget: policy.Budget.Split(agent.DefaultGrace), MinWait: policy.MinWait, FallbackWait: policy.FallbackWait,
		Quiet:       agent.Quiet{Floor: policy.QuietFloor, Ceiling: policy.QuietCeiling},
		PeerCeiling: want.PeerCeiling, // injection has no word for it
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-agent +injection:\n%s", diff)
	}
}
