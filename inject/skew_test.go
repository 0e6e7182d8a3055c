package inject

import (
	"maps"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/workload/balancer"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// TestTheAgentBeforeTakesWhatIsWritten: the agent of the minor version before ends with an error at a
// flag that it does not know, and then a pod does not start, or its hook fails. So that agent is run with
// what is written for pods that ask for everything there is; where git does not have it, its flags are
// held to what it said of itself.
func TestTheAgentBeforeTakesWhatIsWritten(t *testing.T) {
	agent := oldAgent(t)
	for name, injected := range skewed(t) {
		t.Run(name, func(t *testing.T) {
			args := slices.Clone(injected.Spec.InitContainers[0].Args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "$("+hostIPs+")", "10.0.0.1,fd00::1")
			}
			knows(t, helpOf(t, agent, "install"), args[2:])
			if agent != "" {
				run(t, agent, injected.Spec.InitContainers[0].Env, slices.Concat([]string{"install", t.TempDir()}, args[2:]))
			}
			for _, c := range injected.Spec.Containers {
				args := c.Lifecycle.PreStop.Exec.Command[2:]
				knows(t, helpOf(t, agent, "prestop"), args)
				if agent != "" { // it reads all flags before it gives help, and waits for nobody
					end := len(args)
					if i := slices.Index(args, "--"); i >= 0 {
						end = i
					}
					run(t, agent, nil, slices.Concat([]string{"prestop"}, args[:end], []string{"--help"}))
				}
			}
		})
	}
}

// TestAgreedFlags: `agreed` names no flag that the agent of the version before does not know.
func TestAgreedFlags(t *testing.T) {
	var flags []string
	for _, name := range agreed {
		flags = append(flags, "--"+name)
	}
	knows(t, helpOf(t, "", "install"), flags)
}

// skewed are pods for which everything is written that can be.
func skewed(t *testing.T) map[string]*corev1.Pod {
	t.Helper()
	_, public, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	settings := testSettings
	settings.HubKey = public

	annotated := labelled("true")
	annotated.Annotations = map[string]string{
		RegistryAnnotation: "nacos server=nacos:8848 service=orders", QuietAnnotation: "500ms-2s", PortsAnnotation: "80",
		StopAnnotation: "20s", MinWaitAnnotation: "3s", MaxWaitAnnotation: "40s", ExistingHookAnnotation: "announce",
		ContainersAnnotation: "all", FrameworkAnnotation: "spring-boot", DelayAnnotation: "0", ShutdownAnnotation: "5",
	}
	for _, name := range annotations {
		if annotated.Annotations[name] == "" && name != StatusAnnotation {
			t.Errorf("no pod has the annotation %s", name)
		}
	}
	probed := labelled("true")
	c := &probed.Spec.Containers[0]
	c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}}}
	c.LivenessProbe = &corev1.Probe{TerminationGracePeriodSeconds: ptr(int64(10))}
	c.StartupProbe = &corev1.Probe{TerminationGracePeriodSeconds: ptr(int64(5))}
	c.Lifecycle.PreStop = &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/bye", Port: intstr.FromInt32(80), HTTPHeaders: []corev1.HTTPHeader{{Name: "A", Value: "b"}}}}

	around := registryPolicy()
	spec := &around.Policies[0].Spec
	spec.Mode, spec.MinWait, spec.MaxWait, spec.Stop = v1alpha1.ModeAgent, duration(2*s), duration(40*s), duration(12*s)
	spec.FallbackWait, spec.PeerCeiling = duration(20*s), duration(25*s)
	spec.Quiet = &v1alpha1.Quiet{Floor: duration(1 * s), Ceiling: duration(3 * s)}
	for field, value := range reflect.ValueOf(*spec).Fields() {
		if value.IsZero() {
			t.Errorf("no policy has %s", field.Name)
		}
	}
	all := map[string]*corev1.Pod{
		"plain":     mustInject(t, labelled("true"), Surroundings{}, settings),
		"annotated": mustInject(t, annotated, Surroundings{}, settings),
		"probed":    mustInject(t, probed, Surroundings{}, settings),
		"by policy": mustInject(t, labelled("true"), around, settings),
		"balanced":  mustInject(t, labelled("true"), Surroundings{Balancers: []Behind{{Balancer: balancer.Balancer{ToPods: true, Learns: balancer.Learns}}}}, settings),
	}
	if env := all["probed"].Spec.InitContainers[0].Env; len(env) != 2 || env[1].Value != `["--restart-grace=web/5s"]` {
		t.Errorf("the agent is told in its environment %v", env)
	}
	return all
}

// helpOf is what the agent of the version before says of a command: recorded, and held to what it says if
// it is there.
func helpOf(t *testing.T, agent, command string) string {
	t.Helper()
	path := "testdata/before/" + command + ".txt"
	if agent != "" {
		said := run(t, agent, nil, []string{command, "--help"})
		if *update {
			if err := os.WriteFile(path, said, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		recorded, err := os.ReadFile(path)
		if err != nil || string(recorded) != string(said) {
			t.Errorf("%s is not what the agent of %s says (%v); run make generate", path, previous, err)
		}
	}
	recorded, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(recorded)
}

var helpsFlag = regexp.MustCompile(`(?m)^  -([a-z-]+)( |$)`)

// knows fails for each flag that a help does not name.
func knows(t *testing.T, help string, args []string) {
	t.Helper()
	known := map[string]bool{}
	for _, match := range helpsFlag.FindAllStringSubmatch(help, -1) {
		known[match[1]] = true
	}
	for _, arg := range args {
		if arg == "--" {
			return
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !known[name] {
			t.Errorf("%s: the agent of the version before knows %v", arg, slices.Sorted(maps.Keys(known)))
		}
	}
}

func run(t *testing.T, agent string, env []corev1.EnvVar, args []string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), agent, args...)
	cmd.Env = []string{}
	for _, v := range env {
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil || complaint.Len() > 0 {
		t.Errorf("the agent of the version before, %q: %v, %s", args, err, &complaint)
	}
	return out
}
