package inject

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
)

// strip takes out what an earlier injection added and puts back the hooks that it replaced, as the
// pod's status tells them. Anything else with our names stays, for reserve to refuse.
func strip(pod *corev1.Pod, status *Status) error {
	spec := &pod.Spec
	ownInit := func(c corev1.Container) bool {
		return c.Name == InitContainer && len(c.Command) == 1 && c.Command[0] == ImageAgentPath
	}
	injected := slices.ContainsFunc(spec.InitContainers, ownInit)
	ownVolume := func(v corev1.Volume) bool { return injected && v.Name == Volume && v.EmptyDir != nil }
	spec.InitContainers = slices.DeleteFunc(spec.InitContainers, ownInit)
	for i := range spec.Containers {
		c := &spec.Containers[i]
		if err := stripHook(c, status.container(c.Name)); err != nil {
			return err
		}
		stripEnv(c, status.container(c.Name))
		c.VolumeMounts = slices.DeleteFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
			return m.Name == Volume && m.MountPath == Dir && hasVolume(spec, ownVolume) ||
				m.Name == TokenVolume && m.MountPath == TokenDir && hasVolume(spec, ownTokenVolume) ||
				m.Name == CredentialsVolume && m.MountPath == CredentialsDir && hasVolume(spec, ownCredentialsVolume)
		})
		if len(c.VolumeMounts) == 0 {
			c.VolumeMounts = nil
		}
	}
	spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool { return ownVolume(v) || ownTokenVolume(v) || ownCredentialsVolume(v) })
	if len(spec.InitContainers) == 0 {
		spec.InitContainers = nil
	}
	if len(spec.Volumes) == 0 {
		spec.Volumes = nil
	}
	if status != nil && status.Drain != "" && pod.Annotations[istioConfig] == status.Drain {
		delete(pod.Annotations, istioConfig)
	}
	delete(pod.Annotations, StatusAnnotation)
	return nil
}

func stripHook(c *corev1.Container, status *ContainerStatus) error {
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
		return nil
	}
	hook := c.Lifecycle.PreStop
	ours := hook.Exec != nil && len(hook.Exec.Command) > 1 && hook.Exec.Command[0] == AgentPath && hook.Exec.Command[1] == "prestop"
	if ours && (status == nil || status.Hook != hookAgent) {
		return &Invalid{hookPath(c.Name), "runs " + AgentPath + ", but annotation " + StatusAnnotation + " does not tell what it ran before", "put the annotation back as injection wrote it, or write the container's own hook, if it has one"}
	}
	slept := hook.Sleep != nil && status != nil && status.Hook == fmt.Sprintf("%s%ds", hookSleep, hook.Sleep.Seconds)
	if !ours && !slept {
		return nil
	}
	c.Lifecycle.PreStop = status.Was
	if *c.Lifecycle == (corev1.Lifecycle{}) {
		c.Lifecycle = nil
	}
	return nil
}

func ownTokenVolume(v corev1.Volume) bool {
	if v.Name != TokenVolume || v.Projected == nil || len(v.Projected.Sources) != 1 {
		return false
	}
	token := v.Projected.Sources[0].ServiceAccountToken
	return token != nil && token.Audience == hubapi.Audience
}

// ownCredentialsVolume recognises our volume by its folders, which are numbers.
func ownCredentialsVolume(v corev1.Volume) bool {
	return v.Name == CredentialsVolume && v.Projected != nil && !slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
		return s.Secret == nil || slices.ContainsFunc(s.Secret.Items, func(item corev1.KeyToPath) bool {
			folder, _, _ := strings.Cut(item.Path, "/")
			_, err := strconv.Atoi(folder)
			return err != nil
		})
	})
}

func hasVolume(spec *corev1.PodSpec, is func(corev1.Volume) bool) bool {
	return slices.ContainsFunc(spec.Volumes, is)
}

// reserve refuses a pod that uses our names or paths for something else.
func reserve(pod *corev1.Pod, plans []plan, policy Policy) error {
	volumes, dirs := []string{Volume, TokenVolume}, []string{Dir, TokenDir}
	if len(policy.Credentials) > 0 {
		volumes, dirs = append(volumes, CredentialsVolume), append(dirs, CredentialsDir)
	}
	for _, c := range pod.Spec.InitContainers {
		if c.Name == InitContainer {
			return taken([]string{"spec", "initContainers", "[" + c.Name + "]"}, "the name")
		}
	}
	for _, v := range pod.Spec.Volumes {
		if slices.Contains(volumes, v.Name) {
			return taken([]string{"spec", "volumes", "[" + v.Name + "]"}, "the name")
		}
	}
	for _, p := range plans {
		if !p.hook {
			continue
		}
		for _, mount := range pod.Spec.Containers[p.index].VolumeMounts {
			where := path.Clean("/" + mount.MountPath)
			for _, own := range dirs {
				if where == own || strings.HasPrefix(where, own+"/") {
					return taken([]string{"spec", "containers", "[" + p.name + "]", "volumeMounts", "[" + mount.MountPath + "]"}, "the path")
				}
			}
		}
	}
	return nil
}

func taken(path []string, what string) error {
	return &Invalid{path, "uses " + what + " that injection needs", "choose another, or opt out with label " + Label + `: "false"`}
}

func hookPath(container string) []string {
	return []string{"spec", "containers", "[" + container + "]", "lifecycle", "preStop"}
}
