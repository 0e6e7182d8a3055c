package census

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

func pod(namespace, name, status, agent string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}}}
	if status != "" {
		p.Annotations = map[string]string{inject.StatusAnnotation: status}
	}
	if agent != "" {
		p.Spec.InitContainers = []corev1.Container{{Name: inject.InitContainer, Image: agent}}
	}
	return p
}

func TestCensus(t *testing.T) {
	const injected, skipped = `{"version":1,"mode":"agent"}`, `{"version":1,"skipped":"host network"}`
	namespaces := []corev1.Namespace{
		{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{inject.Label: "true"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "bank"}},
	}
	policies := []v1alpha1.DrainPolicy{{ObjectMeta: metav1.ObjectMeta{Namespace: "bank", Name: "web"},
		Spec: v1alpha1.DrainPolicySpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}}}
	c := NewCounter("agent:2", namespaces, policies)
	leaving := pod("shop", "leaving", "", "")
	leaving.DeletionTimestamp = &metav1.Time{}
	done := pod("shop", "done", "", "")
	done.Status.Phase = corev1.PodSucceeded
	for _, p := range []*corev1.Pod{
		pod("shop", "new", injected, "agent:2"), pod("shop", "old", injected, "agent:1"), pod("shop", "bare", "", ""),
		pod("shop", "skipped", skipped, ""), pod("bank", "web", "", ""), pod("bank", "db", "", ""), leaving, done,
	} {
		c.Add(p)
	}
	want := Census{Hooked: 2, Missing: 2, OtherAgent: 1, NamedMissing: []string{"bank/web", "shop/bare"}, NamedOther: []string{"shop/old"}}
	if diff := cmp.Diff(want, c.Census()); diff != "" {
		t.Error(diff)
	}
	for i := range 100 {
		c.Add(pod("shop", fmt.Sprint(i), "", ""))
	}
	if got := c.Census(); got.Missing != 102 || len(got.NamedMissing) != maxNamed {
		t.Errorf("%d missing, %d named", got.Missing, len(got.NamedMissing))
	}
}
