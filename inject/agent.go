package inject

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
)

// agentSize bounds the volume that the agent is copied into; it and its configuration take
// 4 MB at most, lameduck-registry 10 MB.
var agentSize = resource.MustParse("16Mi")

// agentUser is the user of the agent's image.
const agentUser = 65532

// addAgent adds the volumes and the init container that copies the agent into one of them.
func addAgent(pod *corev1.Pod, policy Policy, settings Settings) {
	size := agentSize.DeepCopy()
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
		Name:         Volume,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &size}},
	})
	if settings.HubKey != "" {
		pod.Spec.Volumes = append(pod.Spec.Volumes, tokenVolume())
	}
	if len(policy.Credentials) > 0 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, credentialsVolume(pod, policy.Credentials))
	}
	args, newer := installArgs(pod, policy, settings)
	pod.Spec.InitContainers = slices.Insert(pod.Spec.InitContainers, 0, corev1.Container{
		Name:                     InitContainer,
		Image:                    settings.AgentImage,
		ImagePullPolicy:          settings.PullPolicy,
		Command:                  []string{ImageAgentPath},
		Args:                     args,
		Env:                      environment(newer),
		Resources:                initResources(pod.Spec.Containers),
		SecurityContext:          initSecurity(pod),
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts:             []corev1.VolumeMount{{Name: Volume, MountPath: Dir}},
	})
}

func tokenVolume() corev1.Volume {
	seconds := int64(tokenSeconds)
	return corev1.Volume{
		Name: TokenVolume,
		VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
				Audience: hubapi.Audience, ExpirationSeconds: &seconds, Path: "token",
			}}},
		}},
	}
}

// credentialsVolume holds registries' credentials. They are for the hook, which runs as its
// container's user, often known to the image alone. So anyone in a hooked container may read them,
// or only the pod's fsGroup if it has one.
func credentialsVolume(pod *corev1.Pod, from []corev1.VolumeProjection) corev1.Volume {
	mode := int32(0o444)
	if s := pod.Spec.SecurityContext; s != nil && s.FSGroup != nil {
		mode = 0o440
	}
	return corev1.Volume{
		Name:         CredentialsVolume,
		VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: from, DefaultMode: &mode}},
	}
}

// initResources gives the init container, for each resource, what the pod's most modest
// container has, and nothing where one has nothing.
//
// So it satisfies every LimitRange that this container satisfies (minimum, maximum and ratio), and
// is set wherever a ResourceQuota requires it. It costs nothing: a pod counts as the larger of its
// containers' sum and its largest init container. And the pod keeps its class of service: a
// guaranteed pod stays guaranteed, a best-effort one best-effort.
func initResources(containers []corev1.Container) corev1.ResourceRequirements {
	var needs corev1.ResourceRequirements
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		modest := slices.MinFunc(containers, func(a, b corev1.Container) int {
			x, y := request(a, name), request(b, name)
			return x.Cmp(y)
		})
		if value, there := modest.Resources.Requests[name]; there {
			set(&needs.Requests, name, value)
		}
		if value, there := modest.Resources.Limits[name]; there {
			set(&needs.Limits, name, value)
		}
	}
	return needs
}

// request is what the API server takes a container to request.
func request(c corev1.Container, name corev1.ResourceName) resource.Quantity {
	if value, there := c.Resources.Requests[name]; there {
		return value
	}
	return c.Resources.Limits[name]
}

func set(list *corev1.ResourceList, name corev1.ResourceName, value resource.Quantity) {
	if *list == nil {
		*list = corev1.ResourceList{}
	}
	(*list)[name] = value.DeepCopy()
}

// initSecurity is what Pod Security "restricted" requires, spelt out in the container so that
// nothing set for the whole pod can take it away.
//
// The user is one that the pod's own containers run as, if they name one: admission that gives
// every namespace a range of users has accepted it. Any user can write to the volume and run what
// is copied there.
func initSecurity(pod *corev1.Pod) *corev1.SecurityContext {
	user, yes, no := int64(agentUser), true, false
	if own := ownUser(pod); own > 0 {
		user = own
	}
	return &corev1.SecurityContext{
		RunAsUser:                &user,
		RunAsNonRoot:             &yes,
		ReadOnlyRootFilesystem:   &yes,
		AllowPrivilegeEscalation: &no,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// ownUser is the first user that a container of the pod is told to run as, root aside; else 0.
func ownUser(pod *corev1.Pod) int64 {
	for i := range pod.Spec.Containers {
		if s := pod.Spec.Containers[i].SecurityContext; s != nil && s.RunAsUser != nil && *s.RunAsUser > 0 {
			return *s.RunAsUser
		}
	}
	if s := pod.Spec.SecurityContext; s != nil && s.RunAsUser != nil {
		return *s.RunAsUser
	}
	return 0
}
