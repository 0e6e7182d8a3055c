package barrier

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	markName   = "mark"
	markedNote = "lameduck.dev/marked"
)

// KubeMark marks the stream of EndpointSlices by writing a slice of its own. It says nothing about
// any node, only how far a watch of that stream has come.
type KubeMark struct {
	client    kubernetes.Interface
	namespace string
}

// NewKubeMark gives a KubeMark that keeps its slice in the barrier's namespace.
func NewKubeMark(client kubernetes.Interface, namespace string) *KubeMark {
	return &KubeMark{client: client, namespace: namespace}
}

// Mark writes the slice and gives the resourceVersion of the write. The slice is labelled as that of
// a headless Service: kube-proxies don't watch those, so the write costs the same in every cluster.
// The text in it is new each time, since a write that changes nothing gets no resourceVersion.
func (k *KubeMark) Mark(ctx context.Context) (uint64, error) {
	want := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   k.namespace,
			Name:        markName,
			Labels:      map[string]string{discoveryv1.LabelManagedBy: ManagedBy, corev1.IsHeadlessService: ""},
			Annotations: map[string]string{markedNote: rand.Text()},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{},
	}
	endpointSlices := k.client.DiscoveryV1().EndpointSlices(k.namespace)
	got, err := endpointSlices.Update(ctx, want, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		got, err = endpointSlices.Create(ctx, want, metav1.CreateOptions{})
	}
	if err != nil {
		return 0, fmt.Errorf("writing slice %s/%s: %w", k.namespace, markName, err)
	}
	if got.Annotations[markedNote] != want.Annotations[markedNote] {
		return 0, notAsWritten(fmt.Sprintf("slice %s/%s", k.namespace, markName))
	}
	version, err := strconv.ParseUint(got.ResourceVersion, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("slice %s/%s: the resourceVersion %.40q is no number", k.namespace, markName, got.ResourceVersion)
	}
	return version, nil
}
