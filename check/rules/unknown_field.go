package rules

import (
	"reflect"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/fields"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

var unknownField = &check.Rule{
	Name: "unknown-field", Family: "deprecated",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "A field's name is nearly, but not quite, one that the API knows",
	Why: "kubectl refuses the object; Helm, most controllers and kubectl apply --validate=ignore send it, and the API server drops the field. " +
		"The hook, the grace period or the probe that it was to set is then missing from the pod's stop.",
	Remedy: "Write the name as the API has it; `kubectl explain` lists the fields.",
	Source: "https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
	Object: func(p *check.Pass, o *manifest.Object) {
		root, as, path := typed(o)
		if as == nil {
			return
		}
		for _, unknown := range fields.Unknown(root, as) {
			// What is near to nothing may be of a newer Kubernetes; the status is the cluster's to write.
			if unknown.Near != "" && !strings.HasPrefix(unknown.Node.Key, "$") && !strings.HasPrefix(unknown.Path, "status.") {
				p.Report(o, unknown.Node, "%s%s", path, unknown).Do("Write %s.", unknown.Near)
			}
		}
	},
}

// types are those of the objects that rules read, by apiVersion and kind.
var types = map[[2]string]reflect.Type{
	{"v1", "Pod"}:                                   reflect.TypeFor[corev1.Pod](),
	{"v1", "PodTemplate"}:                           reflect.TypeFor[corev1.PodTemplate](),
	{"v1", "ReplicationController"}:                 reflect.TypeFor[corev1.ReplicationController](),
	{"v1", "Service"}:                               reflect.TypeFor[corev1.Service](),
	{"apps/v1", "Deployment"}:                       reflect.TypeFor[appsv1.Deployment](),
	{"apps/v1", "StatefulSet"}:                      reflect.TypeFor[appsv1.StatefulSet](),
	{"apps/v1", "DaemonSet"}:                        reflect.TypeFor[appsv1.DaemonSet](),
	{"apps/v1", "ReplicaSet"}:                       reflect.TypeFor[appsv1.ReplicaSet](),
	{"batch/v1", "Job"}:                             reflect.TypeFor[batchv1.Job](),
	{"batch/v1", "CronJob"}:                         reflect.TypeFor[batchv1.CronJob](),
	{"policy/v1", "PodDisruptionBudget"}:            reflect.TypeFor[policyv1.PodDisruptionBudget](),
	{"autoscaling/v2", "HorizontalPodAutoscaler"}:   reflect.TypeFor[autoscalingv2.HorizontalPodAutoscaler](),
	{"networking.k8s.io/v1", "Ingress"}:             reflect.TypeFor[networkingv1.Ingress](),
	{v1alpha1.GroupVersion.String(), "DrainPolicy"}: reflect.TypeFor[v1alpha1.DrainPolicy](),
}

// podTemplate is what makes pods has in it, whatever else its kind has.
var podTemplate = reflect.TypeFor[corev1.PodTemplateSpec]()

// typed is the part of an object whose type is known, its type, and the path to it; nil if none is.
func typed(o *manifest.Object) (part *manifest.Node, as reflect.Type, path string) {
	if as := types[[2]string{o.APIVersion, o.Kind}]; as != nil {
		return o.Root, as, ""
	}
	if to, known := workload.TemplatePath(o.APIVersion, o.Kind); known && len(to) > 0 {
		return o.Root.Get(to...), podTemplate, strings.Join(to, ".") + "."
	}
	return nil, nil, ""
}
