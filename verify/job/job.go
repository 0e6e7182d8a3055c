// Package job runs verify in the cluster, where the clients are: as a Job with rights of its own, which
// it removes afterwards.
package job

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
)

// Labels of all that is made for a run.
const (
	NameLabel = "app.kubernetes.io/name"
	Name      = "lameduck-verify" // the value of NameLabel
	runLabel  = "app.kubernetes.io/instance"
)

const (
	container = "verify"
	// grace is what the pod has after SIGTERM: a drained node is uncordoned, and what was seen until then
	// is written.
	grace = 60 * time.Second
	// kept is how long the Job stays when nobody removes it.
	kept = 5 * time.Minute
)

// Spec says what to run, and as what.
type Spec struct {
	Namespace   string
	Image       string                        // holds /lameduck
	PullPolicy  corev1.PullPolicy             // empty: the cluster's
	PullSecrets []corev1.LocalObjectReference // in the namespace
	Args        []string                      // of lameduck
	Rules       []rbacv1.PolicyRule           // rights in the namespace
	// ClusterRules are rights everywhere. With them the pod has to remove its ClusterRole itself when
	// nobody else does: a Job in a namespace can't own it.
	ClusterRules []rbacv1.PolicyRule
	AvoidNode    string        // a node that the pod must not run on
	Lasts        time.Duration // the most that it may take, waiting to be started included
}

// NewName is a name for a run that no other has.
func NewName() string { return Name + "-" + rand.String(8) }

func labels(name string) map[string]string {
	return map[string]string{NameLabel: Name, runLabel: name}
}

// job is the Job. It complies with Pod Security "restricted", starts its pod once, and goes by itself.
func (s *Spec) job(meta metav1.ObjectMeta) *batchv1.Job {
	pod := corev1.PodSpec{
		ServiceAccountName:            meta.Name,
		RestartPolicy:                 corev1.RestartPolicyNever,
		TerminationGracePeriodSeconds: ptr.To(int64(grace / time.Second)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(65532)), RunAsGroup: ptr.To(int64(65532)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: container, Image: s.Image, ImagePullPolicy: s.PullPolicy,
			Command: []string{"/lameduck"}, Args: s.Args,
			Resources: corev1.ResourceRequirements{Requests: requests()},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
	if s.AvoidNode != "" {
		pod.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
				{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpNotIn, Values: []string{s.AvoidNode}},
			}}},
		}}}
	}
	inPod := labels(meta.Name)
	inPod["lameduck.dev/inject"] = "false"
	return &batchv1.Job{
		ObjectMeta: meta,
		Spec: batchv1.JobSpec{
			BackoffLimit:            ptr.To(int32(0)), // a second run would do the action again
			PodReplacementPolicy:    ptr.To(batchv1.Failed),
			ActiveDeadlineSeconds:   ptr.To(int64(s.Lasts / time.Second)),
			TTLSecondsAfterFinished: ptr.To(int32(kept / time.Second)),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: inPod, Annotations: map[string]string{
					// Neither autoscaler may move it.
					"cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
					"karpenter.sh/do-not-disrupt":                    "true",
				}},
				Spec: pod,
			},
		},
	}
}
