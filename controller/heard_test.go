package controller

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrlfake "sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// TestUnheardAgents: a pod whose hook was run and whose agent never asked is counted and named.
func TestUnheardAgents(t *testing.T) { synctest.Test(t, unheardAgents) }

func unheardAgents(t *testing.T) {
	counts := map[bool]int{}
	h := &heard{count: func(reached bool) { counts[reached]++ }}
	leaving := func(name string, change func(*corev1.Pod)) *corev1.Pod {
		at := metav1.NewTime(time.Now().Add(31 * time.Second))
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), DeletionTimestamp: &at, DeletionGracePeriodSeconds: new(int64(30))}}
		pod.Spec.NodeName = "node1"
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
		change(pod)
		return pod
	}
	ask := func(uid string, authenticated bool) {
		h.askedBy(&authenticationv1.TokenReview{Status: authenticationv1.TokenReviewStatus{Authenticated: authenticated,
			User: authenticationv1.UserInfo{Extra: map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/pod-uid": {uid}}}}})
	}
	as := func(*corev1.Pod) {}
	early := leaving("early", as)
	h.set(early) // nobody leads
	h.lead(time.Now())
	h.gone(early)
	for _, pod := range []*corev1.Pod{
		leaving("asked", as), leaving("asked before it was seen to leave", as), leaving("refused", as), leaving("silent", as), leaving("forced later", as),
		leaving("forced", func(p *corev1.Pod) { p.DeletionGracePeriodSeconds = new(int64) }),
		leaving("began before", func(p *corev1.Pod) { *p.DeletionTimestamp = metav1.NewTime(time.Now().Add(-time.Minute)) }),
		leaving("has ended", func(p *corev1.Pod) { p.Status.ContainerStatuses = nil }),
		leaving("serves", func(p *corev1.Pod) { p.DeletionTimestamp = nil }),
	} {
		if pod.Name == "asked before it was seen to leave" {
			ask(pod.Name, true)
		}
		h.set(pod)
		switch pod.Name {
		case "asked":
			ask(pod.Name, true)
		case "refused":
			ask(pod.Name, false)
		}
		h.set(pod)
		if pod.Name != "forced later" {
			time.Sleep(tooSoon)
		}
		h.gone(pod)
		h.gone(pod)
	}
	if diff := cmp.Diff(map[bool]int{true: 2, false: 2}, counts); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, pod := range h.unheard() {
		names = append(names, pod.Pod+" on "+pod.Node)
	}
	if diff := cmp.Diff([]string{"shop/refused on node1", "shop/silent on node1"}, names); diff != "" {
		t.Error(diff)
	}
	if len(h.leaving)+len(h.asked) > 0 {
		t.Errorf("it remembers pods that are gone: %v, %v", h.leaving, h.asked)
	}
}

// TestAnotherInstallation is refused at the start, and ends a replica that runs.
func TestAnotherInstallation(t *testing.T) {
	barrier := func(owner string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "zz", Labels: map[string]string{InstallationLabel: owner}}}
	}
	for owner, refused := range map[string]bool{"": false, testNamespace: false, "other": true} {
		ctx, refuse := context.WithCancelCause(t.Context())
		l := at(optimistic("a"), "10.1.0.1")
		l.refuse = refuse
		err := l.owns(t.Context(), ctrlfake.NewClientBuilder().WithObjects(barrier(owner)).Build())
		if errors.Is(err, errTaken) != refused || !refused && err != nil {
			t.Errorf("owner %q: %v", owner, err)
		}
		l.namespaceChanged(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{InstallationLabel: "other"}}})
		if ctx.Err() != nil {
			t.Error("any namespace of that label ends it")
		}
		l.namespaceChanged(barrier(owner))
		if errors.Is(context.Cause(ctx), errTaken) != refused {
			t.Errorf("owner %q, seen while running: %v", owner, context.Cause(ctx))
		}
	}
	if err := at(optimistic("a"), "10.1.0.1").owns(t.Context(), ctrlfake.NewClientBuilder().Build()); err != nil {
		t.Errorf("without a namespace: %v", err)
	}
}
