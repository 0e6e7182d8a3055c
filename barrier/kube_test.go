package barrier

import (
	"errors"
	"fmt"
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
		service.Spec.HealthCheckNodePort = int32(30000 + made)
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

func TestKubeStore(t *testing.T) {
	for _, family := range []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		t.Run(string(family), func(t *testing.T) {
			ctx, client := t.Context(), apiServer(t)
			store := NewKubeStore(client, "zz", family, 0)
			first, err := store.Open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			second, err := store.Open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			services, err := client.CoreV1().Services("zz").List(ctx, metav1.ListOptions{})
			if err != nil || len(services.Items) != 1 || services.Items[0].Name != second.Name || second.Name == first.Name || second.Port == 0 {
				t.Fatalf("services %v, %v, after eras %v and %v", services.Items, err, first, second)
			}

			counts := []Count{{"node1", 0, 2}, {"node2", 7, 3}}
			version, err := store.Write(ctx, second, Slice{Index: 1, Counts: counts})
			if err != nil {
				t.Fatal(err)
			}
			again, err := store.Write(ctx, second, Slice{Index: 1, Counts: counts})
			if err != nil || again != version {
				t.Errorf("the same write again: %d, %v; want %d", again, err, version)
			}
			next, err := store.Write(ctx, second, Slice{Index: 1, Version: version, Counts: counts[:1]})
			if err != nil || next <= version {
				t.Errorf("the next write: %d, %v; want more than %d", next, err, version)
			}
			if _, err := store.Write(ctx, second, Slice{Index: 1, Version: version, Counts: counts}); !errors.Is(err, ErrLost) {
				t.Errorf("a write over another's: %v", err)
			}
			if _, err := store.Write(ctx, second, Slice{Index: 2, Version: next, Counts: counts}); !errors.Is(err, ErrLost) {
				t.Errorf("a write to a slice that is gone: %v", err)
			}
		})
	}
}

// TestAddressesDiffer: kube-proxy would count two endpoints of one address once.
func TestAddressesDiffer(t *testing.T) {
	store := NewKubeStore(nil, "zz", corev1.IPv4Protocol, 0)
	seen := map[string]bool{}
	for index := range 20 {
		slice := Slice{Index: index}
		for slot := range PerSlice {
			slice.Counts = append(slice.Counts, Count{Node: fmt.Sprint(index, slot), Slot: slot, Count: cycle})
		}
		object, err := store.render(Service{Name: "barrier-1"}, slice)
		if err != nil {
			t.Fatal(err)
		}
		if len(object.Endpoints) > 1000 {
			t.Errorf("slice %d holds %d endpoints", index, len(object.Endpoints))
		}
		for _, endpoint := range object.Endpoints {
			if seen[endpoint.Addresses[0]] {
				t.Fatalf("address %s comes twice", endpoint.Addresses[0])
			}
			seen[endpoint.Addresses[0]] = true
		}
	}
	if _, err := store.address(1 << 17); err == nil {
		t.Error("an address outside the block was given")
	}
}
