package barrier

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// apiServer is a fake clientset that does what the API server adds: names, ports, versions
// and the optimistic lock.
func apiServer(t *testing.T) *fake.Clientset {
	t.Helper()
	client := fake.NewClientset()
	version, made := 100, 0
	client.PrependReactor("create", "services", func(action ktesting.Action) (bool, runtime.Object, error) {
		service := action.(ktesting.CreateAction).GetObject().(*corev1.Service)
		made++
		service.Name = fmt.Sprintf("%s%d", service.GenerateName, made)
		service.UID = types.UID(service.Name)
		if service.Spec.Type == corev1.ServiceTypeNodePort {
			service.Spec.Ports[0].NodePort = int32(30000 + made)
		} else {
			service.Spec.HealthCheckNodePort = int32(30000 + made)
		}
		return false, nil, nil
	})
	client.PrependReactor("*", "endpointslices", func(action ktesting.Action) (bool, runtime.Object, error) {
		switch action := action.(type) {
		case ktesting.UpdateActionImpl:
			slice := action.GetObject().(*discoveryv1.EndpointSlice)
			live, err := client.Tracker().Get(action.GetResource(), slice.Namespace, slice.Name)
			if err != nil {
				return true, nil, err
			}
			if live.(*discoveryv1.EndpointSlice).ResourceVersion != slice.ResourceVersion {
				return true, nil, apierrors.NewConflict(action.GetResource().GroupResource(), slice.Name, nil)
			}
			version++
			slice.ResourceVersion = fmt.Sprint(version)
		case ktesting.CreateActionImpl:
			version++
			action.GetObject().(*discoveryv1.EndpointSlice).ResourceVersion = fmt.Sprint(version)
		}
		return false, nil, nil
	})
	return client
}

func newKubeStore(client *fake.Clientset, family corev1.IPFamily) *KubeStore {
	address := map[corev1.IPFamily]string{corev1.IPv4Protocol: "10.0.0.1", corev1.IPv6Protocol: "fd00::1"}[family]
	return NewKubeStore(client, "zz", family, netip.MustParseAddr(address), "node1")
}

func TestKubeStore(t *testing.T) {
	for _, family := range []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		t.Run(string(family), func(t *testing.T) {
			ctx, client := t.Context(), apiServer(t)
			store := newKubeStore(client, family)
			first, err := store.Open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			second, err := store.Open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			services, err := client.CoreV1().Services("zz").List(ctx, metav1.ListOptions{})
			if err != nil || len(services.Items) != 2 || services.Items[0].Name != second.Name || services.Items[1].Name != second.Kind ||
				second.Name == first.Name || second.Port == 0 || second.Port == first.Port || second.KindPort == 0 || second.Kind < second.Name {
				t.Fatalf("services %v, %v, after eras %v and %v", services.Items, err, first, second)
			}

			version, err := store.Write(ctx, second, Slice{Number: 20001})
			if err != nil {
				t.Fatal(err)
			}
			again, err := store.Write(ctx, second, Slice{Number: 20001})
			if !errors.Is(err, ErrFound) || again != version {
				t.Errorf("the same write again: %d, %v; want %d", again, err, version)
			}
			next, err := store.Write(ctx, second, Slice{Version: version, Number: 20002})
			if err != nil || next <= version {
				t.Errorf("the next write: %d, %v; want more than %d", next, err, version)
			}
			if _, err := store.Write(ctx, second, Slice{Version: version, Number: 20003}); !errors.Is(err, ErrLost) {
				t.Errorf("a write over another's: %v", err)
			}
			slice, err := client.DiscoveryV1().EndpointSlices("zz").Get(ctx, second.Name, metav1.GetOptions{})
			if err != nil || len(slice.Endpoints) != 1 || slice.Endpoints[0].Addresses[0] != store.address.String() || *slice.Ports[0].Port != 20002 {
				t.Errorf("slice %+v, %v", slice, err)
			}
			if _, err := store.Write(ctx, first, Slice{Version: next, Number: 20003}); !errors.Is(err, ErrLost) {
				t.Errorf("a write to a slice that is gone: %v", err)
			}
		})
	}
}

// TestNoAddressOfTheFamily: nothing is made in the cluster, and the reason is named.
func TestNoAddressOfTheFamily(t *testing.T) {
	client := apiServer(t)
	_, err := NewKubeStore(client, "zz", corev1.IPv6Protocol, netip.Addr{}, "node1").Open(t.Context())
	if !errors.Is(err, ErrNoAddress) || len(client.Actions()) > 0 {
		t.Errorf("%v, %d calls", err, len(client.Actions()))
	}
}

// TestSliceIsSmall: each write goes to every kube-proxy.
func TestSliceIsSmall(t *testing.T) {
	slice := newKubeStore(nil, corev1.IPv4Protocol).render(Service{Name: "beacon-12345", UID: string(make([]byte, 36))}, Slice{Number: 20000, Version: 1 << 40})
	bytes, err := slice.Marshal()
	if err != nil || len(bytes) > 500 {
		t.Errorf("%d bytes, %v", len(bytes), err)
	}
	t.Logf("%d bytes without what the API server adds", len(bytes))
}

// TestTouchedAfterALostAnswer: somebody writes to the slice between a write whose answer was lost and its
// repetition. The version that is found then is that of the other's write, which no node has to have seen.
func TestTouchedAfterALostAnswer(t *testing.T) {
	ctx, client := t.Context(), apiServer(t)
	store := newKubeStore(client, corev1.IPv4Protocol)
	service, err := store.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	own, err := store.Write(ctx, service, Slice{Number: 20001}) // its answer is lost
	if err != nil {
		t.Fatal(err)
	}
	slices := client.DiscoveryV1().EndpointSlices("zz")
	slice, err := slices.Get(ctx, service.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	slice = slice.DeepCopy()
	slice.Annotations = map[string]string{"someone": "else"}
	if _, err := slices.Update(ctx, slice, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	version, err := store.Write(ctx, service, Slice{Number: 20001})
	if err == nil && version > own {
		t.Errorf("number 20001, written at %d, is taken for a proof of everything up to %d", own, version)
	}
	if _, err := store.Write(ctx, service, Slice{Version: version, Number: 20002}); err != nil {
		t.Errorf("the next write: %v", err)
	}
}
