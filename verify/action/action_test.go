package action

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pod(name, node, ownerKind string) *corev1.Pod {
	controller := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "app"},
			OwnerReferences: []metav1.OwnerReference{{Kind: ownerKind, Controller: &controller}},
		},
		Spec:   corev1.PodSpec{NodeName: node},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
}

func deploy(replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app"},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "app"}}},
		Status:     appsv1.DeploymentStatus{Replicas: replicas, UpdatedReplicas: replicas, AvailableReplicas: replicas},
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		words, wrong string
	}{
		{"rollout-restart deploy/app", ""},
		{"rollout-restart sts/db", ""},
		{"rollout-restart DaemonSet/log", ""},
		{"delete-pod app-1", ""},
		{"delete-pod one-of deploy/app", ""},
		{"evict app-1", ""},
		{"evict one-of deployment/app", ""},
		{"drain node1", ""},
		{"scale deploy/app 0", ""},
		{"", "none given; there are:\nrollout-restart"},
		{"reboot node1", `"reboot"; there are:`},
		{"rollout-restart", `it is "rollout-restart KIND/NAME"`},
		{"rollout-restart app", `"app" is not a workload: give deployment/NAME`},
		{"rollout-restart job/app", `"job/app" is not a workload`},
		{"rollout-restart deploy/a/b", "is not a workload"},
		{"delete-pod", `it is "delete-pod NAME, or delete-pod one-of KIND/NAME"`},
		{"delete-pod one-of", "it is"},
		{"drain", `it is "drain NODE"`},
		{"scale deploy/app", `it is "scale KIND/NAME N"`},
		{"scale deploy/app -1", "with N a number of replicas"},
		{"scale ds/log 1", "a DaemonSet has no replicas"},
	}
	for _, tt := range tests {
		t.Run(tt.words, func(t *testing.T) {
			action, err := (&Actor{}).Parse(strings.Fields(tt.words))
			if tt.wrong == "" {
				if err != nil || action.Name != tt.words || action.Do == nil {
					t.Errorf("%+v, %v", action, err)
				}
				return
			}
			if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("error %v, want %q", err, tt.wrong)
			}
		})
	}
}

// do runs an action on a cluster of objects that react as in a test's script.
func do(t *testing.T, client *fake.Clientset, words string) (log string, err error) {
	t.Helper()
	var out bytes.Buffer
	actor := &Actor{Client: client, Namespace: "shop", Log: &out}
	action, err := actor.Parse(strings.Fields(words))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the test's minute is over"))
	defer cancel()
	began := time.Now()
	err = action.Do(ctx)
	out.WriteString("took " + time.Since(began).String())
	return out.String(), err
}

// after does something to the cluster later.
func after(d time.Duration, f func(ctx context.Context)) {
	go func() {
		time.Sleep(d)
		f(context.Background())
	}()
}

func TestRolloutRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(deploy(1), pod("app-1", "node1", "ReplicaSet"))
		client.PrependReactor("patch", "deployments", func(a clienttesting.Action) (bool, runtime.Object, error) {
			patch := string(a.(clienttesting.PatchAction).GetPatch())
			if !strings.Contains(patch, `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":`) {
				t.Errorf("patch %s", patch)
			}
			d := deploy(1)
			d.Generation, d.Status.UpdatedReplicas = 2, 0
			_ = client.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("deployments"), d, "shop")
			// The controller takes its time; the old pod outlives the rollout by two seconds.
			after(2950*time.Millisecond, func(ctx context.Context) {
				d := deploy(1)
				d.Generation, d.Status.ObservedGeneration = 2, 2
				_, _ = client.AppsV1().Deployments("shop").Update(ctx, d, metav1.UpdateOptions{})
			})
			after(4950*time.Millisecond, func(ctx context.Context) {
				_ = client.CoreV1().Pods("shop").Delete(ctx, "app-1", metav1.DeleteOptions{})
			})
			return true, d, nil
		})
		log, err := do(t, client, "rollout-restart deploy/app")
		if err != nil || !strings.Contains(log, "restarted deployment/app, 1 pods") || !strings.HasSuffix(log, "took 5s") {
			t.Errorf("%v, log:\n%s", err, log)
		}
	})
}

func TestScaleDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(deploy(2), pod("app-1", "node1", "ReplicaSet"), pod("app-2", "node2", "ReplicaSet"))
		client.PrependReactor("patch", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
			d := deploy(1)
			_ = client.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("deployments"), d, "shop")
			leaving := pod("app-2", "node2", "ReplicaSet")
			now := metav1.Now()
			leaving.DeletionTimestamp = &now
			_ = client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), leaving, "shop")
			after(3950*time.Millisecond, func(ctx context.Context) {
				_ = client.CoreV1().Pods("shop").Delete(ctx, "app-2", metav1.DeleteOptions{})
			})
			return true, d, nil
		})
		log, err := do(t, client, "scale deploy/app 1")
		if err != nil || !strings.Contains(log, "scaled deployment/app from 2 pods to 1") || !strings.HasSuffix(log, "took 4s") {
			t.Errorf("%v, log:\n%s", err, log)
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		static := pod("etcd", "node1", "Node")
		static.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
		client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node1"}},
			pod("app-1", "node1", "ReplicaSet"), pod("app-2", "node1", "ReplicaSet"), pod("log", "node1", "DaemonSet"), static)
		var mu sync.Mutex
		var evicted []string
		refusals := 0
		client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
			create := a.(clienttesting.CreateAction)
			if create.GetSubresource() != "eviction" {
				return false, nil, nil
			}
			mu.Lock()
			defer mu.Unlock()
			eviction := create.GetObject().(*policyv1.Eviction)
			node, _ := client.Tracker().Get(corev1.SchemeGroupVersion.WithResource("nodes"), "", "node1")
			if !node.(*corev1.Node).Spec.Unschedulable {
				t.Error("evicting from a node that is not cordoned")
			}
			if eviction.Name == "app-2" && refusals < 2 {
				refusals++
				return true, nil, apierrors.NewTooManyRequests("it would violate the budget", 0)
			}
			evicted = append(evicted, eviction.Name)
			after(950*time.Millisecond, func(ctx context.Context) {
				_ = client.CoreV1().Pods("shop").Delete(ctx, eviction.Name, metav1.DeleteOptions{})
			})
			return true, nil, nil
		})
		log, err := do(t, client, "drain node1")
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(evicted)
		if !slices.Equal(evicted, []string{"app-1", "app-2"}) {
			t.Errorf("evicted %v", evicted)
		}
		for _, want := range []string{"cordoned node node1", "app-2 may not be evicted yet: it would violate the budget", "evicted pod shop/app-2", "uncordoned node node1", "took 11s"} {
			if !strings.Contains(log, want) {
				t.Errorf("log without %q:\n%s", want, log)
			}
		}
		node, err := client.CoreV1().Nodes().Get(t.Context(), "node1", metav1.GetOptions{})
		if err != nil || node.Spec.Unschedulable {
			t.Errorf("the node is left cordoned: %v", err)
		}
	})
}

func TestDeleteOneOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaving := pod("app-0", "node1", "ReplicaSet")
		now := metav1.Now()
		leaving.DeletionTimestamp, leaving.Finalizers = &now, []string{"test/stays"}
		client := fake.NewClientset(deploy(1), pod("app-1", "node1", "ReplicaSet"), leaving)
		log, err := do(t, client, "delete-pod one-of deploy/app")
		if err != nil || !strings.Contains(log, "deleted pod shop/app-1") {
			t.Errorf("%v, log:\n%s", err, log)
		}
	})
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stays := func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, nil }
		tests := []struct {
			words, want string
		}{
			{"rollout-restart deploy/other", `deployment/other in namespace shop: deployments.apps "other" not found`},
			{"drain node9", `setting unschedulable=true on node node9: nodes "node9" not found`},
			{"delete-pod app-9", `pod app-9 in namespace shop: pods "app-9" not found`},
			{"delete-pod app-1", "waiting until pod shop/app-1 is gone: the test's minute is over"},
		}
		for _, tt := range tests {
			client := fake.NewClientset(deploy(1), pod("app-1", "node1", "ReplicaSet"))
			client.PrependReactor("delete", "pods", stays)
			if _, err := do(t, client, tt.words); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: error %v, want %q", tt.words, err, tt.want)
			}
		}
	})
}

func TestCommand(t *testing.T) {
	var out bytes.Buffer
	actor := &Actor{Log: &out}
	if _, err := actor.Command([]string{"no-such-program-here"}); !errors.Is(err, ErrUsage) {
		t.Errorf("an unknown program: %v", err)
	}
	action, err := actor.Command([]string{"sh", "-c", "echo said; exit 3"})
	if err != nil {
		t.Fatal(err)
	}
	if err := action.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "command sh -c echo said; exit 3: exit status 3") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out.String(), "said\n") {
		t.Errorf("output %q", out.String())
	}
	action, err = actor.Command([]string{"sleep", "60"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("not complete in time"))
	defer cancel()
	if err := action.Do(ctx); err == nil || !strings.Contains(err.Error(), "not complete in time") {
		t.Errorf("error %v", err)
	}
}
