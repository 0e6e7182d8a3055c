package inject

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// plan is what happens to one ordinary container.
type plan struct {
	index int
	name  string
	hook  bool
	own   ownHook
	was   *corev1.LifecycleHandler
	why   string   // why there is no hook
	env   []string // added variables
}

// planAll decides for every ordinary container and makes room in the budget for their own hooks.
// Native sidecars and init containers are left out: a sidecar outlives the ordinary containers by
// itself, and an init container is gone when the pod stops.
func planAll(pod *corev1.Pod, policy *Policy, before *Status) []plan {
	var plans []plan
	chosen := policy.Containers
	if chosen == nil {
		chosen = containersWithPorts(&pod.Spec)
	}
	var takes time.Duration
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		p := plan{index: i, name: c.Name}
		if c.Lifecycle != nil {
			p.was = c.Lifecycle.PreStop
		}
		if !slices.Contains(chosen, c.Name) && !isMeshProxy(c.Name) {
			p.why = "no port and no network probe: name it in annotation " + ContainersAnnotation + " to hook it"
			plans = append(plans, p)
			continue
		}
		p.own = keepHook(p.was, c, policy.AtAnnounce, period(ownGrace(pod, before)))
		p.why = p.own.leave
		if policy.Mode == v1alpha1.ModeSleep && len(p.own.args) > 0 {
			p.why = "its own hook stays: in mode sleep nothing could run it"
		}
		if p.why == "" {
			p.hook = true
			policy.Budget.Confirm = max(policy.Budget.Confirm, wholeSeconds(p.own.minWait))
			takes = max(takes, p.own.takes)
		}
		plans = append(plans, p)
	}
	policy.Budget.Drain += takes
	policy.Budget.Grace = policy.Budget.Needs()
	return plans
}

// containersWithPorts are the ordinary containers that declare a port or are probed on one;
// if there is none, all of them, since declaring ports is for information only. A mesh's proxy always
// has some, which says nothing about the application beside it.
func containersWithPorts(spec *corev1.PodSpec) []string {
	var with, all []string
	for i := range spec.Containers {
		c := &spec.Containers[i]
		if isMeshProxy(c.Name) {
			continue
		}
		all = append(all, c.Name)
		if len(c.Ports) > 0 || probesPort(c.ReadinessProbe) || probesPort(c.LivenessProbe) || probesPort(c.StartupProbe) {
			with = append(with, c.Name)
		}
	}
	if with == nil {
		return all
	}
	return with
}

func probesPort(probe *corev1.Probe) bool {
	return probe != nil && (probe.HTTPGet != nil || probe.TCPSocket != nil || probe.GRPC != nil)
}

// apply puts the hook into the container, and what it needs to run.
func (p *plan) apply(c *corev1.Container, policy Policy, settings Settings) {
	p.env = addEnv(c, stopEnv(policy))
	if c.Lifecycle == nil {
		c.Lifecycle = &corev1.Lifecycle{}
	}
	if policy.Mode == v1alpha1.ModeSleep {
		c.Lifecycle.PreStop = &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: p.sleepSeconds(policy)}}
		return
	}
	c.Lifecycle.PreStop = &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: p.command(policy)}}
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: Volume, MountPath: Dir, ReadOnly: true})
	if settings.HubKey != "" {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: TokenVolume, MountPath: TokenDir, ReadOnly: true})
	}
	if len(policy.Credentials) > 0 {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: CredentialsVolume, MountPath: CredentialsDir, ReadOnly: true})
	}
}

func (p plan) sleepSeconds(policy Policy) int64 {
	return int64(max(policy.Sleep, wholeSeconds(p.own.minWait)) / time.Second)
}

func statusOf(plans []plan, policy Policy) []ContainerStatus {
	var all []ContainerStatus
	for _, p := range plans {
		status := ContainerStatus{Name: p.name, Note: p.why, Env: p.env}
		switch {
		case !p.hook && p.was != nil:
			status.Hook = hookOwn
		case !p.hook:
			status.Hook = hookNone
		case policy.Mode == v1alpha1.ModeSleep:
			status.Hook = fmt.Sprintf("%s%ds", hookSleep, p.sleepSeconds(policy))
			status.Note, status.Was = p.own.note, p.was
		default:
			status.Hook, status.Note, status.Was = hookAgent, p.own.note, p.was
		}
		all = append(all, status)
	}
	return all
}
