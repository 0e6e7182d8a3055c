package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata/fake"

	"github.com/lameduck-dev/lameduck/barrier"
)

var testKinds = []kind{
	{schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}, "ReplicaSet"},
	{schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, "Deployment"},
	{schema.GroupVersionResource{Version: "v1", Resource: "pods"}, "Pod"},
	{schema.GroupVersionResource{Version: "v1", Resource: "services"}, "Service"},
	{schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, "Secret"},
	{schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, "ConfigMap"},
	{schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}, "ServiceAccount"},
	{schema.GroupVersionResource{Version: "v1", Resource: "events"}, "Event"},
	{schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}, "Lease"},
	{schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}, "EndpointSlice"},
}

// object is the metadata of one; the text is KIND NAMESPACE/NAME.
func object(text string, change func(*metav1.PartialObjectMetadata)) *metav1.PartialObjectMetadata {
	kindName, place, _ := strings.Cut(text, " ")
	namespace, name, _ := strings.Cut(place, "/")
	o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(text), Labels: map[string]string{}}}
	for _, k := range append(append([]kind{webhookKind, namespaceKind, crdKind, {schema.GroupVersionResource{Group: "lameduck.dev", Version: "v1alpha1"}, "DrainPolicy"}}, rightsKinds...), testKinds...) {
		if k.name == kindName {
			o.SetGroupVersionKind(k.GroupVersion().WithKind(kindName))
		}
	}
	if kindName == "Namespace" {
		o.Labels["kubernetes.io/metadata.name"] = name
	}
	change(o)
	return o
}

func TestUninstall(t *testing.T) {
	our := func(o *metav1.PartialObjectMetadata) { o.Labels["app.kubernetes.io/name"] = "lameduck" }
	owned := func(by string) func(*metav1.PartialObjectMetadata) {
		return func(o *metav1.PartialObjectMetadata) {
			o.OwnerReferences = []metav1.OwnerReference{{Kind: "X", Name: "x", UID: types.UID(by)}}
		}
	}
	plain := func(*metav1.PartialObjectMetadata) {}
	installed := []*metav1.PartialObjectMetadata{
		object("MutatingWebhookConfiguration /lameduck", our), object("MutatingWebhookConfiguration /theirs", plain),
		object("ClusterRole /lameduck-controller", our), object("ClusterRoleBinding /lameduck-controller", our), object("ClusterRole /view", plain),
		object("Role lameduck-system/lameduck-controller", our), object("Role shop/lameduck-restore-nacos", our), object("Role shop/theirs", our),
		object("RoleBinding shop/lameduck-restore-nacos", our),
		object("Namespace /lameduck-system", our), object("Namespace /zzzz-lameduck", our), object("Namespace /shop", plain),
		object("Deployment lameduck-system/lameduck-controller", our), object("ReplicaSet lameduck-system/lameduck-controller-0", owned("Deployment lameduck-system/lameduck-controller")),
		object("Pod lameduck-system/lameduck-controller-1", owned("ReplicaSet lameduck-system/lameduck-controller-0")),
		object("Secret lameduck-system/lameduck-keys", our), object("Service lameduck-system/lameduck-hub", our),
		object("EndpointSlice lameduck-system/lameduck-hub", our), object("Lease lameduck-system/lameduck-controller", plain),
		object("ServiceAccount lameduck-system/default", plain), object("ConfigMap lameduck-system/kube-root-ca.crt", plain),
		object("Event lameduck-system/x", plain), object("Secret shop/theirs", plain),
		object("Service zzzz-lameduck/barrier-1", func(o *metav1.PartialObjectMetadata) { o.Labels[barrier.ManagedByLabel] = barrier.ManagedBy }),
		object("EndpointSlice zzzz-lameduck/barrier-1-0", owned("Service zzzz-lameduck/barrier-1")),
		object("CustomResourceDefinition /drainpolicies.lameduck.dev", plain), object("CustomResourceDefinition /theirs", plain),
		object("DrainPolicy shop/web", plain),
	}
	first := []string{
		"MutatingWebhookConfiguration lameduck", "ClusterRoleBinding lameduck-controller", "ClusterRole lameduck-controller",
		"RoleBinding shop/lameduck-restore-nacos", "Role lameduck-system/lameduck-controller", "Role shop/lameduck-restore-nacos",
	}
	const stays = "the definition of DrainPolicies stays, with 1 of them: add --policies to delete both"
	tests := []struct {
		name     string
		more     []*metav1.PartialObjectMetadata
		policies bool
		want     []string
		notes    []string
	}{
		{"as installed", nil, false, append(first[:6:6], "Namespace lameduck-system", "Namespace zzzz-lameduck"), []string{stays}},
		{"with policies", nil, true, append(first[:6:6], "Namespace lameduck-system", "Namespace zzzz-lameduck", "CustomResourceDefinition drainpolicies.lameduck.dev"), []string{"1 DrainPolicies go with their definition"}},
		{"somebody else is in the namespace", []*metav1.PartialObjectMetadata{object("Secret lameduck-system/theirs", plain)}, false,
			append(first[:6:6], "Deployment lameduck-system/lameduck-controller", "Service lameduck-system/lameduck-hub", "Secret lameduck-system/lameduck-keys",
				"Lease lameduck-system/lameduck-controller", "EndpointSlice lameduck-system/lameduck-hub", "Namespace zzzz-lameduck"),
			[]string{"namespace lameduck-system stays: it holds secret/theirs", stays}},
		{"somebody else's are in the namespace, with owners elsewhere", []*metav1.PartialObjectMetadata{
			object("Secret lameduck-system/of-a-tenant", owned("Tenant /acme")), object("Secret lameduck-system/of-its-own", owned("Secret lameduck-system/of-its-own")),
			object("ClusterRole /lameducktape-operator", our),
		}, false,
			append(first[:6:6], "Deployment lameduck-system/lameduck-controller", "Service lameduck-system/lameduck-hub", "Secret lameduck-system/lameduck-keys",
				"Lease lameduck-system/lameduck-controller", "EndpointSlice lameduck-system/lameduck-hub", "Namespace zzzz-lameduck"),
			[]string{"namespace lameduck-system stays: it holds secret/of-a-tenant, secret/of-its-own", stays}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := metav1.AddMetaToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			var objects []runtime.Object
			for _, o := range append(tt.more, installed...) {
				objects = append(objects, o.DeepCopy())
			}
			var notes []string
			u := remover{
				client: fake.NewSimpleMetadataClient(scheme, objects...), kinds: testKinds, namespace: "lameduck-system", policies: tt.policies,
				note: func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) },
			}
			if err := u.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got []string
			for text := range strings.SplitSeq(u.out.String(), "---\n") {
				var kind, name, namespace string
				for line := range strings.Lines(text) {
					key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
					switch value = strings.Trim(value, `"`); key {
					case "kind":
						kind = value
					case "name":
						name = value
					case "namespace":
						namespace = value + "/"
					}
				}
				got = append(got, kind+" "+namespace+name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.notes, notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}
