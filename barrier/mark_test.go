package barrier

import (
	"errors"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// TestKubeMark: each mark is a change, also of a slice that was removed, and kube-proxy's selector
// (no Service that is headless) leaves it out.
func TestKubeMark(t *testing.T) {
	ctx, client := t.Context(), fake.NewClientset()
	written := ""
	numbered(client, func(slice *discoveryv1.EndpointSlice) { written = slice.Annotations[markedNote] })
	mark, last := NewKubeMark(client, "zz"), uint64(0)
	for range 3 {
		before := written
		version, err := mark.Mark(ctx)
		if err != nil || version <= last || written == before {
			t.Fatalf("mark %d after %d, %v; text %q after %q", version, last, err, written, before)
		}
		last = version
	}
	slice, err := client.DiscoveryV1().EndpointSlices("zz").Get(ctx, markName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, headless := slice.Labels[corev1.IsHeadlessService]; !headless {
		t.Errorf("labels %v: every kube-proxy would get it", slice.Labels)
	}
	if err := client.DiscoveryV1().EndpointSlices("zz").Delete(ctx, markName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if version, err := mark.Mark(ctx); err != nil || version <= last {
		t.Errorf("after it was removed: %d, %v", version, err)
	}
}

// TestKubeMarkAltered: a cluster that takes the mark's text out gives an old resourceVersion to a
// write that changed nothing.
func TestKubeMarkAltered(t *testing.T) {
	client := fake.NewClientset()
	numbered(client, func(slice *discoveryv1.EndpointSlice) { slice.Annotations = nil })
	if version, err := NewKubeMark(client, "zz").Mark(t.Context()); !errors.Is(err, ErrAltered) {
		t.Errorf("%d, %v", version, err)
	}
}

// numbered has each write of a slice get the next resourceVersion, after change.
func numbered(client *fake.Clientset, change func(*discoveryv1.EndpointSlice)) {
	version := 100
	client.PrependReactor("*", "endpointslices", func(action ktesting.Action) (bool, runtime.Object, error) {
		if write, ok := action.(interface{ GetObject() runtime.Object }); ok {
			version++
			slice := write.GetObject().(*discoveryv1.EndpointSlice)
			slice.ResourceVersion = strconv.Itoa(version)
			change(slice)
		}
		return false, nil, nil
	})
}
