package status

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller"
	"github.com/lameduck-dev/lameduck/deploy"
	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

const injected = `{"version":1,"mode":"agent"}`

// scene is a cluster, and what its parts answer.
type scene struct {
	objects  map[string]runtime.Object
	leader   controller.Status
	leaderOf error
	tried    func(*corev1.Pod) error // what becomes of the dry run
	takes    time.Duration
	warns    []string
}

func named(namespace, name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}
}

func ours() map[string]string { return map[string]string{"app.kubernetes.io/name": "lameduck"} }

// sound is a scene without fault, at 2000-01-01, when synctest's bubbles begin.
func sound(t *testing.T) *scene {
	t.Helper()
	keys, err := deploy.NewKeys(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	labels := ours()
	labels["app.kubernetes.io/component"] = "controller"
	deployment := &appsv1.Deployment{ObjectMeta: named("lameduck-system", deploy.Deployment, labels)}
	deployment.Spec.Replicas, deployment.Status.ReadyReplicas = ptr.To[int32](2), 2
	deployment.Spec.Template.Spec.Containers = []corev1.Container{{Args: []string{"controller", "--agent-image=agent:2", "--metrics-port=8081", "--webhook-port=9443"}}}
	webhook := &admissionv1.MutatingWebhookConfiguration{ObjectMeta: named("", deploy.Webhook, ours())}
	webhook.Webhooks = []admissionv1.MutatingWebhook{{ClientConfig: admissionv1.WebhookClientConfig{CABundle: keys.CACert, Service: &admissionv1.ServiceReference{Namespace: "lameduck-system"}}}}
	slice := &discoveryv1.EndpointSlice{ObjectMeta: named("lameduck-system", deploy.HubService, ours())}
	slice.Endpoints = []discoveryv1.Endpoint{{TargetRef: &corev1.ObjectReference{Name: "lameduck-controller-1"}}}
	barrierNamespace := ours()
	barrierNamespace[controller.InstallationLabel] = "lameduck-system"
	pod := &corev1.Pod{ObjectMeta: named("shop", "cart-1", nil)}
	pod.Annotations = map[string]string{inject.StatusAnnotation: injected}
	pod.Spec.InitContainers = []corev1.Container{{Name: inject.InitContainer, Image: "agent:2"}}
	used := &corev1.Service{ObjectMeta: named(deploy.BarrierNamespace, "barrier-1", map[string]string{barrier.ManagedByLabel: barrier.ManagedBy})}
	return &scene{
		objects: map[string]runtime.Object{
			"deployment": deployment, "webhook": webhook, "slice": slice, "pod": pod, "used": used,
			"barrier": &corev1.Namespace{ObjectMeta: named("", deploy.BarrierNamespace, barrierNamespace)},
			"shop":    &corev1.Namespace{ObjectMeta: named("", "shop", map[string]string{inject.Label: "true"})},
		},
		leader: controller.Status{
			Proxy: controller.ProxyMode{Known: true, Mode: "nftables"},
			Pod:   "lameduck-controller-1", Leading: true, LeaseHeld: true, Since: time.Now().Add(-time.Hour).UTC(), CAExpires: caEnd(t, keys.CACert), Heard: 12,
			Barrier: []controller.BarrierStatus{{Family: corev1.IPv4Protocol, Services: []string{"barrier-1"}, Nodes: []barrier.NodeState{{Name: "node1", Passing: true}, {Name: "node2", Passing: true}}}},
		},
		tried: func(pod *corev1.Pod) error {
			pod.Annotations = map[string]string{inject.StatusAnnotation: injected}
			return nil
		},
		takes: 21 * time.Millisecond,
	}
}

func caEnd(t *testing.T, text []byte) time.Time {
	t.Helper()
	block, _ := pem.Decode(text)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return ca.NotAfter
}

func (s *scene) make(t *testing.T, config Config) (Report, error) {
	t.Helper()
	var objects []runtime.Object
	for _, object := range s.objects {
		if object != nil {
			objects = append(objects, object)
		}
	}
	client := fake.NewClientset(objects...)
	client.PrependReactor("create", "pods", func(action ktesting.Action) (bool, runtime.Object, error) {
		if create := action.(ktesting.CreateActionImpl); len(create.CreateOptions.DryRun) != 1 {
			t.Error("a pod is made, not tried")
		}
		time.Sleep(s.takes)
		pod := action.(ktesting.CreateAction).GetObject().(*corev1.Pod).DeepCopy()
		return true, pod, s.tried(pod)
	})
	config.Client, config.Now = client, time.Now
	config.Policies = func(context.Context) ([]v1alpha1.DrainPolicy, error) { return nil, nil }
	config.Replica = func(_ context.Context, namespace, pod string, port int) (controller.Status, error) {
		if namespace != "lameduck-system" || pod != "lameduck-controller-1" || port != 8081 {
			t.Errorf("%s/%s was asked at port %d", namespace, pod, port)
		}
		return s.leader, s.leaderOf
	}
	config.Warnings = func() []string { return s.warns }
	return Make(t.Context(), config)
}

// TestReport goes through what can be wrong; testdata has how it is told.
func TestReport(t *testing.T) {
	tests := []struct {
		name  string
		level Level
		spoil func(*scene)
	}{
		{"sound", OK, func(*scene) {}},
		{"not-installed", Problem, func(s *scene) { s.objects = nil }},
		{"two-installations", Problem, func(s *scene) {
			s.objects["barrier"].(*corev1.Namespace).Labels[controller.InstallationLabel] = "other"
		}},
		{"no-replica-ready", Problem, func(s *scene) { s.objects["deployment"].(*appsv1.Deployment).Status.ReadyReplicas = 0 }},
		{"quota", Problem, func(s *scene) {
			s.objects["deployment"].(*appsv1.Deployment).Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "exceeded quota\x1b[2J"}}
		}},
		{"no-leader", Problem, func(s *scene) { delete(s.objects, "slice") }},
		{"leader-without-lease", Problem, func(s *scene) { s.leader.LeaseHeld = false }},
		{"leader-not-asked", Unknown, func(s *scene) { s.leaderOf = errors.New("pods \"lameduck-controller-1\" is forbidden") }},
		{"no-webhook", Problem, func(s *scene) { delete(s.objects, "webhook") }},
		{"webhook-not-reached", Problem, func(s *scene) { s.tried, s.takes = func(*corev1.Pod) error { return nil }, 5*time.Second }},
		{"webhook-fails", Problem, func(s *scene) { s.warns = []string{"lameduck: the pod starts without its hook: no cache", "another's"} }},
		{"webhook-slow", OK, func(s *scene) { s.takes = 3 * time.Second }},
		{"dry-run-refused", Unknown, func(s *scene) {
			s.tried = func(*corev1.Pod) error {
				return apierrors.NewForbidden(corev1.Resource("pods"), "", errors.New("you may not"))
			}
		}},
		{"another-ca", Problem, func(s *scene) { s.leader.CAExpires = time.Now() }},
		{"dead-node", Problem, func(s *scene) {
			s.leader.Barrier[0].Nodes[1] = barrier.NodeState{Name: "node2", Silent: true, Why: "no answer at 10.0.0.2:31000: timeout; asked for 26s"}
			s.leader.LeftOut = []controller.LeftOut{{Node: "node3", Why: "taint node.kubernetes.io/out-of-service"}}
		}},
		{"node-late", OK, func(s *scene) {
			s.leader.Barrier[0].Nodes[1] = barrier.NodeState{Name: "node2", Why: "it answers, but has not programmed the change"}
		}},
		{"ipvs", Problem, func(s *scene) {
			s.leader.Proxy = controller.ProxyMode{Known: true, Mode: "ipvs", Why: "reading it: timeout"}
			for i := range s.leader.Barrier[0].Nodes {
				s.leader.Barrier[0].Nodes[i] = barrier.NodeState{Name: fmt.Sprintf("node%d", i+1), Silent: true, Unproved: true, Why: s.leader.Proxy.Unproved()}
			}
		}},
		{"another-proxy", Problem, func(s *scene) {
			s.leader.Barrier[0].Nodes[1] = barrier.NodeState{Name: "node2", Unproved: true, Why: "an answer of another proxy than kube-proxy, such as Cilium's: its answers are no proof; asked for 2s"}
		}},
		{"mode-not-known", OK, func(s *scene) { s.leader.Proxy = controller.ProxyMode{Why: "there is no such ConfigMap"} }},
		{"leader-before", OK, func(s *scene) { s.leader.Proxy = controller.ProxyMode{} }},
		{"default-mode", OK, func(s *scene) { s.leader.Proxy = controller.ProxyMode{Known: true} }},
		{"altered-service", Problem, func(s *scene) {
			s.leader.Barrier[0].Services, s.leader.Barrier[0].Problem = nil, "type (ClusterIP) is not as it was written"
		}},
		{"pods-without-hook", Problem, func(s *scene) {
			s.objects["bare"] = &corev1.Pod{ObjectMeta: named("shop", "old-1", nil)}
			other := s.objects["pod"].DeepCopyObject().(*corev1.Pod)
			other.Name, other.Spec.InitContainers[0].Image = "cart-0", "agent:1"
			s.objects["other"] = other
		}},
		{"hub-not-reached", Problem, func(s *scene) {
			s.leader.Unheard = 3
			s.leader.Last = []controller.Unheard{{Pod: "bank/db-0", Node: "node1", Time: time.Now().UTC()}}
		}},
		{"leftovers", OK, func(s *scene) {
			old := s.objects["used"].DeepCopyObject().(*corev1.Service)
			old.Name = "barrier-0"
			s.objects["left"] = old
			s.objects["binding"] = &rbacv1.RoleBinding{ObjectMeta: named("shop", "lameduck-restore-nacos", ours()), Subjects: []rbacv1.Subject{{Namespace: "gone"}}}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := sound(t)
				tt.spoil(s)
				report, err := s.make(t, Config{})
				if err != nil || report.Level != tt.level {
					t.Errorf("level %s, want %s; %v", report.Level, tt.level, err)
				}
				var got bytes.Buffer
				if err := report.Write(&got); err != nil {
					t.Fatal(err)
				}
				golden := filepath.Join("testdata", tt.name+".txt")
				if *update {
					if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil || got.String() != string(want) {
					t.Errorf("got\n%s\nwant\n%s%v", &got, want, err)
				}
				for line := range strings.Lines(got.String()) {
					if strings.ContainsRune(line, '\x1b') {
						t.Errorf("%q", line)
					}
				}
			})
		})
	}
}

// TestOneOfAnotherNamespace is told apart from none at all.
func TestOneOfAnotherNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report, err := sound(t).make(t, Config{Namespace: "elsewhere"})
		if err != nil || report.Level != Problem || !strings.Contains(report.Results[0].Text, "in namespace lameduck-system, not in elsewhere") {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
