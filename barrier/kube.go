package barrier

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const (
	// ManagedBy marks the barrier's objects; as LabelManagedBy it also keeps the EndpointSlice
	// controllers off its slices.
	ManagedBy = "barrier.lameduck.dev"
	// ManagedByLabel is the label of the barrier's Services that says so.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// loadBalancerClass is one that no cloud provider serves.
	loadBalancerClass = "lameduck.dev/none"
	familyLabel       = "lameduck.dev/family"
	trackLabel        = "lameduck.dev/track"
	portName          = "barrier"
)

// Nothing is ever sent to the endpoints' addresses. They come from blocks set aside for benchmarks
// (RFC 2544, RFC 5180), big enough for three addresses a node.
var (
	fakeIPv4 = netip.MustParseAddr("198.18.0.0")
	fakeIPv6 = netip.MustParseAddr("2001:2::")
)

// Late reports whether slices of namespace sort after the barrier's own: a list is ordered
// by the objects' keys, which begin with the namespace and a slash.
func Late(barrierNamespace, namespace string) bool {
	return namespace+"/" > barrierNamespace+"/"
}

// KubeStore keeps the barrier's objects of one track and address family in a namespace.
type KubeStore struct {
	client    kubernetes.Interface
	namespace string
	family    corev1.IPFamily
	track     int
}

// NewKubeStore gives a Store. The namespace's name should sort after all others.
func NewKubeStore(client kubernetes.Interface, namespace string, family corev1.IPFamily, track int) *KubeStore {
	return &KubeStore{client: client, namespace: namespace, family: family, track: track}
}

// Open deletes the Services of earlier eras, whose slices are collected with them, and makes one of
// a new name. A Service that it made and can't use, it removes again.
func (k *KubeStore) Open(ctx context.Context) (Service, error) {
	services := k.client.CoreV1().Services(k.namespace)
	if err := k.sweep(ctx); err != nil {
		return Service{}, fmt.Errorf("removing the Services of earlier eras: %w", err)
	}
	want := k.service()
	made, err := services.Create(ctx, want, metav1.CreateOptions{})
	if err != nil {
		return Service{}, err
	}
	if what := altered(want, made); what != "" {
		return Service{}, errors.Join(notAsWritten(fmt.Sprintf("service %s/%s: %s", made.Namespace, made.Name, what)), k.remove(ctx, made.Name))
	}
	return Service{Namespace: made.Namespace, Name: made.Name, UID: string(made.UID), Port: uint16(made.Spec.HealthCheckNodePort)}, nil
}

func (k *KubeStore) labels() map[string]string {
	return map[string]string{ManagedByLabel: ManagedBy, familyLabel: string(k.family), trackLabel: strconv.Itoa(k.track)}
}

func (k *KubeStore) service() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "barrier-", Labels: k.labels()},
		Spec: corev1.ServiceSpec{
			Type:                          corev1.ServiceTypeLoadBalancer,
			LoadBalancerClass:             ptr(loadBalancerClass),
			AllocateLoadBalancerNodePorts: ptr(false),
			ExternalTrafficPolicy:         corev1.ServiceExternalTrafficPolicyLocal,
			InternalTrafficPolicy:         ptr(corev1.ServiceInternalTrafficPolicyLocal), // else every node programs every node's endpoints
			IPFamilyPolicy:                ptr(corev1.IPFamilyPolicySingleStack),
			IPFamilies:                    []corev1.IPFamily{k.family},
			Ports:                         []corev1.ServicePort{{Name: portName, Port: 1, Protocol: corev1.ProtocolTCP}},
		},
	}
}

// altered names what the barrier needs and did not get; empty if nothing.
func altered(want, made *corev1.Service) string {
	switch {
	case made.Spec.Type != want.Spec.Type:
		return fmt.Sprintf("type (%s)", made.Spec.Type)
	case made.Spec.LoadBalancerClass == nil || *made.Spec.LoadBalancerClass != *want.Spec.LoadBalancerClass:
		return "loadBalancerClass" // a cloud provider would serve it
	case made.Spec.ExternalTrafficPolicy != want.Spec.ExternalTrafficPolicy:
		return fmt.Sprintf("externalTrafficPolicy (%s)", made.Spec.ExternalTrafficPolicy)
	case len(made.Spec.Selector) > 0:
		return "selector" // others would write slices
	case made.Spec.HealthCheckNodePort == 0:
		return "healthCheckNodePort (none)"
	}
	for key, value := range want.Labels {
		if made.Labels[key] != value {
			return "label " + key
		}
	}
	return ""
}

// sweep deletes the Services of this track and family, including one made by an attempt whose answer
// was lost.
func (k *KubeStore) sweep(ctx context.Context) error {
	services := k.client.CoreV1().Services(k.namespace)
	list, err := services.List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: k.labels()})})
	if err != nil {
		return err
	}
	for _, old := range list.Items {
		if err := services.Delete(ctx, old.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// remove deletes a Service that can't be used, even when ctx is done.
func (k *KubeStore) remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := k.client.CoreV1().Services(k.namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("removing service %s/%s again: %w", k.namespace, name, err)
	}
	return nil
}

// Write creates or replaces a slice, under an optimistic lock.
func (k *KubeStore) Write(ctx context.Context, service Service, slice Slice) (uint64, error) {
	endpointSlices := k.client.DiscoveryV1().EndpointSlices(k.namespace)
	want, err := k.render(service, slice)
	if err != nil {
		return 0, err
	}
	var got *discoveryv1.EndpointSlice
	if slice.Version == 0 {
		got, err = endpointSlices.Create(ctx, want, metav1.CreateOptions{})
	} else {
		got, err = endpointSlices.Update(ctx, want, metav1.UpdateOptions{})
	}
	switch {
	case apierrors.IsNotFound(err) && slice.Version != 0:
		return 0, fmt.Errorf("slice %s/%s: %w", want.Namespace, want.Name, ErrLost)
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		if got, err = k.adopt(ctx, want); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, err
	}
	if !equality.Semantic.DeepEqual(want.Endpoints, got.Endpoints) || got.Labels[discoveryv1.LabelServiceName] != service.Name {
		return 0, notAsWritten(fmt.Sprintf("slice %s/%s", want.Namespace, want.Name))
	}
	version, err := strconv.ParseUint(got.ResourceVersion, 10, 64)
	if err != nil || version <= slice.Version {
		return 0, fmt.Errorf("slice %s/%s: resourceVersion %q does not follow %d: %w", want.Namespace, want.Name, got.ResourceVersion, slice.Version, ErrLost)
	}
	return version, nil
}

// adopt finds out whether the slice in the way is what an earlier attempt wrote.
func (k *KubeStore) adopt(ctx context.Context, want *discoveryv1.EndpointSlice) (*discoveryv1.EndpointSlice, error) {
	got, err := k.client.DiscoveryV1().EndpointSlices(k.namespace).Get(ctx, want.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, errors.Join(err, ErrLost)
	}
	if err != nil {
		return nil, err
	}
	if !equality.Semantic.DeepEqual(want.Endpoints, got.Endpoints) || !equality.Semantic.DeepEqual(want.OwnerReferences, got.OwnerReferences) {
		return nil, fmt.Errorf("slice %s/%s: %w", want.Namespace, want.Name, ErrLost)
	}
	return got, nil
}

func (k *KubeStore) render(service Service, slice Slice) (*discoveryv1.EndpointSlice, error) {
	object := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: k.namespace,
			Name:      service.Name + "-" + strconv.Itoa(slice.Index),
			Labels: map[string]string{
				discoveryv1.LabelServiceName: service.Name,
				discoveryv1.LabelManagedBy:   ManagedBy,
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: service.Name, UID: types.UID(service.UID)}},
		},
		AddressType: discoveryv1.AddressType(k.family),
		Ports:       []discoveryv1.EndpointPort{{Name: ptr(portName), Port: ptr(int32(1)), Protocol: ptr(corev1.ProtocolTCP)}},
	}
	if slice.Version != 0 {
		object.ResourceVersion = strconv.FormatUint(slice.Version, 10)
	}
	for _, count := range slice.Counts {
		for i := range count.Count {
			address, err := k.address((slice.Index*PerSlice+count.Slot)*cycle + i)
			if err != nil {
				return nil, err
			}
			object.Endpoints = append(object.Endpoints, discoveryv1.Endpoint{
				Addresses: []string{address.String()},
				NodeName:  ptr(count.Node),
			})
		}
	}
	return object, nil
}

// address gives the n-th made-up address: kube-proxy counts a node's addresses, and takes an
// address that comes twice in a Service for one.
func (k *KubeStore) address(n int) (netip.Addr, error) {
	base, bits := fakeIPv4.AsSlice(), 17
	if k.family == corev1.IPv6Protocol {
		base, bits = fakeIPv6.AsSlice(), 32
	}
	if n >= 1<<bits {
		return netip.Addr{}, fmt.Errorf("no address left for endpoint %d", n)
	}
	for i := range 4 {
		base[len(base)-1-i] |= byte(n >> (8 * i))
	}
	address, _ := netip.AddrFromSlice(slices.Clone(base))
	return address, nil
}

func ptr[T any](v T) *T { return &v }
