package verify

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/report"
)

func testPod() *corev1.Pod {
	grace := int64(30)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app-1", UID: "u1", Labels: map[string]string{"app": "app"}},
		Spec:       corev1.PodSpec{NodeName: "node1", TerminationGracePeriodSeconds: &grace, Containers: []corev1.Container{{Name: "app"}}},
		Status:     corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.0.1.5"}}},
	}
}

func testSlice(ready bool) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app-x"},
		Endpoints: []discoveryv1.Endpoint{{
			Conditions: discoveryv1.EndpointConditions{Ready: &ready},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: "app-1", UID: "u1"},
		}},
	}
}

// The whole of Run on a cluster of objects: a pod leaves, is not ready in its slice a bit later,
// exits and is gone; some requests fail meanwhile. In real time: informers stand still in a bubble.
func TestRunWatchesTheCluster(t *testing.T) {
	client := fake.NewClientset(testPod(), testSlice(true))
	var failing atomic.Bool
	network := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		echo(w, r)
	})
	const step = 150 * time.Millisecond
	var leaves time.Time
	action := func(ctx context.Context) error {
		leaves = time.Now()
		pod := testPod()
		end, grace := metav1.NewTime(leaves.Add(30*time.Second)), int64(30)
		pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &end, &grace
		pods := client.CoreV1().Pods("shop")
		if _, err := pods.Update(ctx, pod, metav1.UpdateOptions{}); err != nil {
			return err
		}
		go func() {
			ctx := context.WithoutCancel(ctx)
			time.Sleep(step)
			_, _ = client.DiscoveryV1().EndpointSlices("shop").Update(ctx, testSlice(false), metav1.UpdateOptions{})
			failing.Store(true)
			time.Sleep(step)
			failing.Store(false)
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{
				Terminated: &corev1.ContainerStateTerminated{ExitCode: 143, FinishedAt: metav1.NewTime(time.Now())},
			}}}
			_, _ = pods.Update(ctx, pod, metav1.UpdateOptions{})
			time.Sleep(8 * step) // longer than Run waits for an action to show
			_ = pods.Delete(ctx, "app-1", metav1.DeleteOptions{})
		}()
		return nil // before the pod is gone: Run waits
	}
	result := mustRun(t, Options{
		URL: "http://app", Dial: network.Dial, Lanes: []string{LaneFresh}, Rate: 100, Action: action,
		Before: step, After: step, Cluster: &Cluster{Client: client, Namespace: "shop", Selector: "app=app"},
	})
	if len(result.Pods) != 1 {
		t.Fatalf("pods %+v", result.Pods)
	}
	pod := result.Pods[0]
	order := []time.Time{leaves, pod.DeletionSeen, pod.SliceNotReady, pod.Gone, result.Action.Ended}
	if !slices.IsSortedFunc(order, time.Time.Compare) || pod.SliceNotReady.Sub(leaves) < step || pod.Gone.Sub(leaves) < 10*step {
		t.Errorf("the deletion, seen, not ready, gone, complete: %v", order)
	}
	if len(pod.Exits) != 1 || pod.Exits[0].Code != 143 || pod.Killed {
		t.Errorf("exits %+v", pod.Exits)
	}
	n := result.Totals.Lost
	if n < 5 || result.Phases[string(termination.Stopping)] != n || pod.Losses != n || result.Totals.Kinds[report.Status] != n {
		t.Errorf("%+v by phase %v, %d of the pod: want all while stopping", result.Totals, result.Phases, pod.Losses)
	}
	for _, loss := range result.Losses {
		if loss.Confidence != report.ByTime || loss.Status != 503 || loss.Pods[0] != "app-1" || loss.Window != report.During {
			t.Fatalf("%+v", loss)
		}
	}
}

func TestPodsThatStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pod := testPod()
		end, grace := metav1.NewTime(time.Now().Add(30*time.Second)), int64(30)
		pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &end, &grace
		w := &watch{lines: newPodLines(time.Now())}
		w.lines.seePod(time.Now(), pod)
		err := w.awaitGone(t.Context())
		if err == nil || !strings.Contains(err.Error(), "still there 1m30s after the action: app-1") {
			t.Errorf("error %v", err)
		}
	})
}

func TestMayNotWatch(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("list", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", nil)
	})
	_, err := startWatch(t.Context(), &Cluster{Client: client, Namespace: "shop"}, nil)
	if err == nil || !strings.Contains(err.Error(), "watching namespace shop (needs list and watch of pods, endpointslices and events): events is forbidden") {
		t.Errorf("error %v", err)
	}
}
