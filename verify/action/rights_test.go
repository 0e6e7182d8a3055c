package action

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// granted is the index of the rule that allows a request, and -1 for none.
func granted(rules []rbacv1.PolicyRule, request clienttesting.Action, name string) int {
	resource := request.GetResource().Resource
	if sub := request.GetSubresource(); sub != "" {
		resource += "/" + sub
	}
	return slices.IndexFunc(rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.APIGroups, request.GetResource().Group) && slices.Contains(r.Resources, resource) &&
			slices.Contains(r.Verbs, request.GetVerb()) && (r.ResourceNames == nil || slices.Contains(r.ResourceNames, name))
	})
}

// TestRightsAreWhatIsAsked: each action asks for what its rights allow, and for all of it.
func TestRightsAreWhatIsAsked(t *testing.T) {
	for _, words := range []string{
		"rollout-restart deploy/app", "rollout-restart sts/db", "rollout-restart ds/log", "scale deploy/app 1", "scale sts/db 1",
		"delete-pod app-1", "delete-pod one-of deploy/app", "evict app-1", "evict one-of sts/db", "drain node1",
	} {
		t.Run(words, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				one := int32(1)
				labels := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "app"}}
				client := fake.NewClientset(deploy(1), pod("app-1", "node1", "ReplicaSet"), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node1"}},
					&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}, Spec: appsv1.StatefulSetSpec{Replicas: &one, Selector: labels}, Status: appsv1.StatefulSetStatus{Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1}},
					&appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "log"}, Spec: appsv1.DaemonSetSpec{Selector: labels}},
				)
				leave := func() { _ = client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "shop", "app-1") }
				action, err := (&Actor{Client: client, Namespace: "shop"}).Parse(strings.Fields(words))
				if err != nil {
					t.Fatal(err)
				}
				used := map[string]bool{}
				client.PrependReactor("*", "*", func(request clienttesting.Action) (bool, runtime.Object, error) {
					name := ""
					if named, ok := request.(interface{ GetName() string }); ok {
						name = named.GetName()
					}
					if eviction, ok := request.(clienttesting.CreateAction); ok {
						name = eviction.GetObject().(metav1.Object).GetName() // in the URL of a real request
					}
					scope, rules := "namespace", action.Rights.Namespace
					at := granted(rules, request, name)
					if at < 0 || request.GetNamespace() != "shop" {
						scope, rules = "cluster", action.Rights.Cluster
						at = granted(rules, request, name)
					}
					if at < 0 {
						t.Errorf("no right to %s %s/%s %s", request.GetVerb(), request.GetResource().Resource, request.GetSubresource(), name)
					}
					used[fmt.Sprint(scope, at, request.GetVerb())] = true
					switch {
					case request.GetSubresource() == "eviction":
						leave()
						return true, nil, nil
					case request.GetVerb() == "patch" && request.GetResource().Resource != "nodes":
						leave()
					}
					return false, nil, nil
				})
				ctx, cancel := context.WithTimeout(t.Context(), 60e9)
				defer cancel()
				if err := action.Do(ctx); err != nil {
					t.Fatal(err)
				}
				for scope, rules := range map[string][]rbacv1.PolicyRule{"namespace": action.Rights.Namespace, "cluster": action.Rights.Cluster} {
					for i, rule := range rules {
						for _, verb := range rule.Verbs {
							if !used[fmt.Sprint(scope, i, verb)] {
								t.Errorf("the right to %s (%s) was not used", Text(rule), verb)
							}
						}
					}
				}
			})
		})
	}
}
