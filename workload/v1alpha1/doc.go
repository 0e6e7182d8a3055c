// Package v1alpha1 is the API group lameduck.dev: what users write into their cluster to
// say how their pods leave.
//
// +kubebuilder:object:generate=true
// +groupName=lameduck.dev
package v1alpha1

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.19.0 object crd paths=. output:crd:dir=crd output:object:dir=.

import (
	_ "embed"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names the API.
var GroupVersion = schema.GroupVersion{Group: "lameduck.dev", Version: "v1alpha1"}

// AddToScheme makes the types known to a client.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &DrainPolicy{}, &DrainPolicyList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

// CRD is the CustomResourceDefinition of DrainPolicy as YAML, made from the types.
//
//go:embed crd/lameduck.dev_drainpolicies.yaml
var CRD []byte
