package inject

import (
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/settings"
)

// agreed are the flags of install that the agent of the minor version before knows. It ends with an error
// at any other, and then the pod does not start: others go into the environment, which it passes over.
// The list grows with each minor version, see TestTheAgentBeforeTakesWhatIsWritten.
var agreed = []string{
	"hub", "hub-key", "token-file", "grace", "announce", "confirm", "drain", "stop", "margin", "min-wait", "fallback-wait",
	"quiet-floor", "quiet-ceiling", "registry", "port", "probe", "node-address",
}

// environment are the init container's variables: the node's addresses, and the flags that have to be
// kept from an agent of the version before.
func environment(flags []string) []corev1.EnvVar {
	env := []corev1.EnvVar{{
		Name:      hostIPs,
		ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "status.hostIPs"}},
	}}
	if len(flags) > 0 {
		env = append(env, corev1.EnvVar{Name: settings.Variable, Value: settings.Write(flags)})
	}
	return env
}

// command is the hook of one container: what differs between containers. The rest is in the
// configuration that the init container writes.
func (p plan) command(policy Policy) []string {
	command := []string{AgentPath, "prestop", "--container=" + p.name}
	if p.own.minWait > policy.MinWait {
		command = append(command, "--min-wait="+p.own.minWait.String())
	}
	return append(command, p.own.args...)
}

// installArgs are the init container's: everything that the pod's hooks have in common, as arguments and
// as flags for its environment.
func installArgs(pod *corev1.Pod, policy Policy, settings Settings) (args, newer []string) {
	args = []string{"install", Dir}
	for _, flag := range installFlags(pod, policy, settings) {
		name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		if slices.Contains(agreed, name) {
			args = append(args, flag)
		} else {
			newer = append(newer, flag)
		}
	}
	return args, newer
}

func installFlags(pod *corev1.Pod, policy Policy, settings Settings) (args []string) {
	if settings.HubKey != "" {
		for _, address := range settings.HubAddresses {
			args = append(args, "--hub="+address)
		}
		args = append(args, "--hub-key="+settings.HubKey, "--token-file="+TokenFile)
	}
	duration := func(flag string, value time.Duration) {
		args = append(args, "--"+flag+"="+value.String())
	}
	budget := policy.Budget
	duration("grace", budget.Grace)
	duration("announce", budget.Announce)
	duration("confirm", budget.Confirm)
	duration("drain", budget.Drain)
	duration("stop", budget.Stop)
	duration("margin", budget.Margin)
	duration("min-wait", policy.MinWait)
	duration("fallback-wait", policy.FallbackWait)
	if policy.PeerCeiling > 0 {
		duration("peer-ceiling", policy.PeerCeiling)
	}
	if policy.OutsideCeiling > 0 {
		duration("outside-ceiling", policy.OutsideCeiling)
	}
	duration("quiet-floor", policy.QuietFloor)
	duration("quiet-ceiling", policy.QuietCeiling)
	for _, spec := range policy.Registries {
		args = append(args, "--registry="+strings.ReplaceAll(spec.String(), "$(", "$$("))
	}
	for _, port := range policy.Ports {
		args = append(args, "--port="+strconv.Itoa(int(port)))
	}
	for _, probe := range probes(pod) {
		args = append(args, "--probe="+probe)
	}
	for _, c := range pod.Spec.Containers {
		if grace := restartGrace(c); grace > 0 && grace < budget.Grace {
			args = append(args, "--restart-grace="+c.Name+"/"+grace.String())
		}
	}
	return append(args, "--node-address=$("+hostIPs+")")
}

// restartGrace is the shortest grace period that the kubelet gives the container when one of its probes
// has it restarted; zero if they name none.
func restartGrace(c corev1.Container) time.Duration {
	grace := time.Duration(0)
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.StartupProbe} {
		if probe == nil || probe.TerminationGracePeriodSeconds == nil {
			continue
		}
		own := period(*probe.TerminationGracePeriodSeconds)
		if grace == 0 || own < grace {
			grace = own
		}
	}
	return grace
}

// probes are the readiness probes by which the kubelet opens connections to the pod while it
// stops, as PORT/PERIOD. Liveness and startup probes end when the termination begins.
func probes(pod *corev1.Pod) []string {
	var found []string
	for _, c := range serving(&pod.Spec) {
		probe := c.ReadinessProbe
		if probe == nil {
			continue
		}
		var port int32
		ok := false
		switch {
		case probe.HTTPGet != nil && probe.HTTPGet.Host == "":
			port, ok = resolvePort(probe.HTTPGet.Port, c)
		case probe.TCPSocket != nil && probe.TCPSocket.Host == "":
			port, ok = resolvePort(probe.TCPSocket.Port, c)
		case probe.GRPC != nil:
			port, ok = probe.GRPC.Port, true
		}
		if ok {
			period := time.Duration(max(probe.PeriodSeconds, 0)) * time.Second
			if period == 0 {
				period = 10 * time.Second // the API server's default
			}
			found = append(found, strconv.Itoa(int(port))+"/"+period.String())
		}
	}
	return found
}
