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
	portName          = "barrier"
)

// Late reports whether slices of namespace sort after the barrier's own: a list is ordered
// by the objects' keys, which begin with the namespace and a slash.
func Late(barrierNamespace, namespace string) bool {
	return namespace+"/" > barrierNamespace+"/"
}

// KubeStore keeps the barrier's objects of one address family in a namespace.
type KubeStore struct {
	client    kubernetes.Interface
	namespace string
	family    corev1.IPFamily
	address   netip.Addr // where this process listens
	node      string     // that it runs on; empty: none
}

// NewKubeStore gives a Store. The namespace's name should sort after all others. Without an address
// it opens no era.
func NewKubeStore(client kubernetes.Interface, namespace string, family corev1.IPFamily, address netip.Addr, node string) *KubeStore {
	return &KubeStore{client: client, namespace: namespace, family: family, address: address, node: node}
}

// Open makes the Services of a new era, and deletes those of earlier ones, whose slices are collected
// with them. It makes before it deletes, so that the NodePort is not the last era's. What it made and
// can't use, it removes again.
func (k *KubeStore) Open(ctx context.Context) (Service, error) {
	if !k.address.IsValid() {
		return Service{}, ErrNoAddress
	}
	beacon, err := k.make(ctx, k.beacon())
	if err != nil {
		return Service{}, err
	}
	kind, err := k.make(ctx, k.kind())
	if err != nil {
		return Service{}, errors.Join(err, k.remove(ctx, beacon.Name))
	}
	if err := k.sweep(ctx, beacon.Name, kind.Name); err != nil {
		return Service{}, errors.Join(fmt.Errorf("removing the Services of earlier eras: %w", err), k.remove(ctx, kind.Name), k.remove(ctx, beacon.Name))
	}
	return Service{
		Namespace: beacon.Namespace, Name: beacon.Name, UID: string(beacon.UID), Port: uint16(beacon.Spec.Ports[0].NodePort),
		Kind: kind.Name, KindPort: uint16(kind.Spec.HealthCheckNodePort),
	}, nil
}

// make creates a Service, if the cluster keeps it as it is.
func (k *KubeStore) make(ctx context.Context, want *corev1.Service) (*corev1.Service, error) {
	made, err := k.client.CoreV1().Services(k.namespace).Create(ctx, want, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	if what := altered(want, made); what != "" {
		return nil, errors.Join(notAsWritten(fmt.Sprintf("service %s/%s: %s", made.Namespace, made.Name, what)), k.remove(ctx, made.Name))
	}
	return made, nil
}

// sweep deletes this family's other Services, including one made by an attempt whose answer was lost.
func (k *KubeStore) sweep(ctx context.Context, but ...string) error {
	services := k.client.CoreV1().Services(k.namespace)
	list, err := services.List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: k.labels()})})
	if err != nil {
		return err
	}
	for _, old := range list.Items {
		if slices.Contains(but, old.Name) {
			continue
		}
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

// Write creates or replaces the slice, under an optimistic lock.
func (k *KubeStore) Write(ctx context.Context, service Service, slice Slice) (uint64, error) {
	endpointSlices := k.client.DiscoveryV1().EndpointSlices(k.namespace)
	want := k.render(service, slice)
	var got *discoveryv1.EndpointSlice
	var err, found error
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
		found = ErrFound
	case err != nil:
		return 0, err
	}
	if !sameContent(want, got) || got.Labels[discoveryv1.LabelServiceName] != service.Name {
		return 0, notAsWritten(fmt.Sprintf("slice %s/%s", want.Namespace, want.Name))
	}
	version, err := strconv.ParseUint(got.ResourceVersion, 10, 64)
	if err != nil || version <= slice.Version {
		return 0, fmt.Errorf("slice %s/%s: resourceVersion %q does not follow %d: %w", want.Namespace, want.Name, got.ResourceVersion, slice.Version, ErrLost)
	}
	return version, found
}

func sameContent(a, b *discoveryv1.EndpointSlice) bool {
	return a.AddressType == b.AddressType && equality.Semantic.DeepEqual(a.Ports, b.Ports) && equality.Semantic.DeepEqual(a.Endpoints, b.Endpoints)
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
	if !sameContent(want, got) || !equality.Semantic.DeepEqual(want.OwnerReferences, got.OwnerReferences) {
		return nil, fmt.Errorf("slice %s/%s: %w", want.Namespace, want.Name, ErrLost)
	}
	return got, nil
}

func (k *KubeStore) render(service Service, slice Slice) *discoveryv1.EndpointSlice {
	object := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: k.namespace,
			Name:      service.Name,
			Labels: map[string]string{
				discoveryv1.LabelServiceName: service.Name,
				discoveryv1.LabelManagedBy:   ManagedBy,
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: service.Name, UID: types.UID(service.UID)}},
		},
		AddressType: discoveryv1.AddressType(k.family),
		Ports:       []discoveryv1.EndpointPort{{Name: ptr(portName), Port: ptr(int32(slice.Number)), Protocol: ptr(corev1.ProtocolTCP)}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses:  []string{k.address.String()},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr(true)},
		}},
	}
	if k.node != "" {
		object.Endpoints[0].NodeName = ptr(k.node)
	}
	if slice.Version != 0 {
		object.ResourceVersion = strconv.FormatUint(slice.Version, 10)
	}
	return object
}

func ptr[T any](v T) *T { return &v }
