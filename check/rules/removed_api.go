package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
)

// removed says from which version on the API server no longer serves an API.
type removed struct {
	in   check.Version
	next string // the API that took its place, "" for none
	same bool   // with the same fields, so that only the name has to change
}

// removedAPIs are the removed APIs by apiVersion and kind; the empty kind
// stands for all kinds of the group.
var removedAPIs = map[string]map[string]removed{
	"extensions/v1beta1": {
		"Ingress": {22, "networking.k8s.io/v1", false}, "Deployment": {16, "apps/v1", false}, "DaemonSet": {16, "apps/v1", false},
		"ReplicaSet": {16, "apps/v1", false}, "NetworkPolicy": {16, "networking.k8s.io/v1", true}, "PodSecurityPolicy": {16, "", false},
	},
	"apps/v1beta1":                         {"": {16, "apps/v1", false}},
	"apps/v1beta2":                         {"": {16, "apps/v1", true}},
	"networking.k8s.io/v1beta1":            {"Ingress": {22, "networking.k8s.io/v1", false}, "IngressClass": {22, "networking.k8s.io/v1", true}},
	"policy/v1beta1":                       {"PodDisruptionBudget": {25, "policy/v1", true}, "PodSecurityPolicy": {25, "", false}},
	"batch/v1beta1":                        {"CronJob": {25, "batch/v1", true}},
	"autoscaling/v2beta1":                  {"HorizontalPodAutoscaler": {25, "autoscaling/v2", false}},
	"autoscaling/v2beta2":                  {"HorizontalPodAutoscaler": {26, "autoscaling/v2", true}},
	"discovery.k8s.io/v1beta1":             {"EndpointSlice": {25, "discovery.k8s.io/v1", false}},
	"flowcontrol.apiserver.k8s.io/v1beta1": {"": {26, "flowcontrol.apiserver.k8s.io/v1", false}},
	"flowcontrol.apiserver.k8s.io/v1beta2": {"": {29, "flowcontrol.apiserver.k8s.io/v1", false}},
	"flowcontrol.apiserver.k8s.io/v1beta3": {"": {32, "flowcontrol.apiserver.k8s.io/v1", false}},
	"admissionregistration.k8s.io/v1beta1": {
		"MutatingWebhookConfiguration": {22, "admissionregistration.k8s.io/v1", false}, "ValidatingWebhookConfiguration": {22, "admissionregistration.k8s.io/v1", false},
	},
	"apiextensions.k8s.io/v1beta1":      {"": {22, "apiextensions.k8s.io/v1", false}},
	"rbac.authorization.k8s.io/v1beta1": {"": {22, "rbac.authorization.k8s.io/v1", true}},
	"scheduling.k8s.io/v1beta1":         {"": {22, "scheduling.k8s.io/v1", true}},
	"storage.k8s.io/v1beta1": {
		"StorageClass": {22, "storage.k8s.io/v1", true}, "VolumeAttachment": {22, "storage.k8s.io/v1", true},
		"CSIDriver": {22, "storage.k8s.io/v1", true}, "CSINode": {22, "storage.k8s.io/v1", true}, "CSIStorageCapacity": {27, "storage.k8s.io/v1", true},
	},
	"coordination.k8s.io/v1beta1": {"": {22, "coordination.k8s.io/v1", true}},
}

var removedAPI = &check.Rule{
	Name: "removed-api", Family: "deprecated",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The cluster's version no longer has this API",
	Why: "The object is refused. A budget, an autoscaler or a route that is refused protects nobody: the pods are there, and what should " +
		"keep their requests is not.",
	Remedy: "Use the API that took its place.",
	Source: "https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
	Object: func(p *check.Pass, o *manifest.Object) {
		kinds := removedAPIs[o.APIVersion]
		gone, ok := kinds[o.Kind]
		if !ok {
			gone, ok = kinds[""]
		}
		if !ok || p.Target < gone.in {
			return
		}
		at := o.Root.Get("apiVersion")
		d := p.Report(o, at, "%s of %s was removed in Kubernetes %s", o.Kind, o.APIVersion, gone.in)
		if gone.next == "" {
			d.Do("Remove the object; nothing takes its place.")
			return
		}
		d.Do("Use %s.", gone.next)
		// An empty selector means none in policy/v1beta1 and all in policy/v1.
		emptied := o.Kind == "PodDisruptionBudget" && o.Spec("selector").Len() == 0
		if gone.same && !emptied {
			d.Fix(manifest.Replace(at, gone.next))
		}
	},
}
