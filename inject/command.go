package inject

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// command is the hook of one container: what differs between containers. The rest is in the
// configuration that the init container writes.
func (p plan) command(policy Policy) []string {
	command := []string{AgentPath, "prestop", "--container=" + p.name}
	if p.own.minWait > policy.MinWait {
		command = append(command, "--min-wait="+p.own.minWait.String())
	}
	return append(command, p.own.args...)
}

// installArgs are the init container's: everything that the pod's hooks have in common.
func installArgs(pod *corev1.Pod, policy Policy, settings Settings) []string {
	args := []string{"install", Dir}
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
