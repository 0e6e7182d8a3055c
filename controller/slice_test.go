package controller

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

const testNamespace = "lameduck-system"

// optimistic is a fake clientset that refuses an update of what has changed since it was read, as
// the API server does, with a hub's Service and a lease held by holder.
func optimistic(holder string) *fake.Clientset {
	version := 100
	client := fake.NewClientset(
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: hubService}},
		&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: lease}, Spec: coordinationv1.LeaseSpec{HolderIdentity: ptr.To(holder)}},
	)
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

// at is a leader with the address ip and the identity of that name.
func at(client *fake.Clientset, ip string) *leader {
	return &leader{
		ip: netip.MustParseAddr(ip), clientset: client, election: newElection(client, testNamespace, ip, slog.New(slog.DiscardHandler), nil),
		options: Options{Namespace: testNamespace, BarrierNamespace: "zz", HubPort: 8080, Pod: Self{Name: "controller-" + ip, Node: "node1", IP: ip}, Log: slog.New(slog.DiscardHandler)},
	}
}

// leadsTo is the address that the hub's Service leads to, or why there is none.
func leadsTo(t *testing.T, client *fake.Clientset) string {
	t.Helper()
	list, err := client.DiscoveryV1().EndpointSlices(testNamespace).List(t.Context(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + hubService})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || len(list.Items[0].Endpoints) != 1 || *list.Items[0].Ports[0].Port != 8080 {
		return fmt.Sprintf("%d slices", len(list.Items))
	}
	return list.Items[0].Endpoints[0].Addresses[0]
}

// TestTheHubsSliceIsKept: whoever deletes or overwrites it is put right, at once when it is seen,
// else within keepEvery.
func TestTheHubsSliceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ip, other = "10.1.0.1", "10.1.0.2"
		client := optimistic(ip)
		l := at(client, ip)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { l.keepHubService(ctx); close(done) }()
		defer func() { stop(); <-done }()
		slices := client.DiscoveryV1().EndpointSlices(testNamespace)
		spoil := map[string]func() error{
			"deleted":      func() error { return slices.Delete(t.Context(), hubService, metav1.DeleteOptions{}) },
			"overwritten":  func() error { return patch(t, client, `{"endpoints":[{"addresses":["`+other+`"]}]}`) },
			"emptied":      func() error { return patch(t, client, `{"endpoints":[]}`) },
			"label is off": func() error { return patch(t, client, `{"metadata":{"labels":{"kubernetes.io/service-name":"x"}}}`) },
		}
		for name, spoil := range spoil {
			for _, seen := range []bool{true, false} {
				time.Sleep(time.Second)
				if got := leadsTo(t, client); got != ip {
					t.Fatalf("before it is %s it leads to %s", name, got)
				}
				if err := spoil(); err != nil {
					t.Fatal(err)
				}
				wait := keepEvery
				if seen {
					l.sliceSet(&discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: hubService}})
					wait = time.Second
				}
				time.Sleep(wait)
				if got := leadsTo(t, client); got != ip {
					t.Errorf("%s, seen %t: %v later it leads to %s", name, seen, wait, got)
				}
			}
		}
	})
}

func patch(t *testing.T, client *fake.Clientset, text string) error {
	t.Helper()
	_, err := client.DiscoveryV1().EndpointSlices(testNamespace).Patch(t.Context(), hubService, "application/merge-patch+json", []byte(text), metav1.PatchOptions{})
	return err
}

// TestAPausedLeaderOverwritesNobody, wherever between reading and writing it was paused.
func TestAPausedLeaderOverwritesNobody(t *testing.T) {
	const old, young = "10.1.0.1", "10.1.0.2"
	for _, there := range []bool{true, false} {
		for _, paused := range []string{"before it reads", "after the slice is read", "after the lease is read"} {
			t.Run(fmt.Sprintf("%s, slice there %t", paused, there), func(t *testing.T) {
				client, leases := optimistic(young), optimistic(old)
				leader := at(client, old)
				leader.election.client = leases
				slices := client.DiscoveryV1().EndpointSlices(testNamespace)
				if there {
					if err := at(client, young).leadHere(t.Context()); err != nil {
						t.Fatal(err)
					}
					if err := patch(t, client, `{"endpoints":[]}`); err != nil {
						t.Fatal(err)
					}
				}
				// A fake clientset is locked while it reacts: the newer leader writes past it.
				leaseKind := coordinationv1.SchemeGroupVersion.WithResource("leases")
				takeOver := func() {
					newer := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: lease}, Spec: coordinationv1.LeaseSpec{HolderIdentity: ptr.To(young)}}
					if err := leases.Tracker().Update(leaseKind, newer, testNamespace); err != nil {
						t.Error(err)
					}
					if err := at(client, young).leadHere(t.Context()); err != nil {
						t.Error(err)
					}
				}
				if paused == "before it reads" {
					takeOver()
					if err := patch(t, client, `{"endpoints":[]}`); err != nil {
						t.Fatal(err)
					}
				}
				leases.PrependReactor("get", "leases", func(ktesting.Action) (bool, runtime.Object, error) {
					if paused == "before it reads" {
						return false, nil, nil
					}
					asRead, err := leases.Tracker().Get(leaseKind, testNamespace, lease)
					if takeOver(); paused == "after the lease is read" {
						return true, asRead, err
					}
					return false, nil, nil
				})
				if err := leader.leadHere(t.Context()); err == nil {
					t.Error("the old leader is told that it leads")
				}
				slice, err := slices.Get(t.Context(), hubService, metav1.GetOptions{})
				if err != nil {
					t.Fatal(err)
				}
				for _, endpoint := range slice.Endpoints {
					if endpoint.Addresses[0] != young {
						t.Errorf("the Service leads to %s, not to the newer leader", endpoint.Addresses[0])
					}
				}
			})
		}
	}
}

// TestTheHubsServiceIsMadeAnew at the address that pods carry, or at another if that is taken.
func TestTheHubsServiceIsMadeAnew(t *testing.T) {
	for _, taken := range []bool{false, true} {
		client := optimistic("10.1.0.1")
		l := at(client, "10.1.0.1")
		l.serviceSet(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: hubService}, Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7"}})
		services := client.CoreV1().Services(testNamespace)
		if err := services.Delete(t.Context(), hubService, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		l.serviceDropped(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: hubService}})
		client.PrependReactor("create", "services", func(action ktesting.Action) (bool, runtime.Object, error) {
			if service := action.(ktesting.CreateAction).GetObject().(*corev1.Service); taken && service.Spec.ClusterIP != "" {
				return true, nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Service").GroupKind(), service.Name, nil)
			}
			return false, nil, nil
		})
		if err := l.leadHere(t.Context()); err != nil {
			t.Fatal(err)
		}
		service, err := services.Get(t.Context(), hubService, metav1.GetOptions{})
		want := map[bool]string{false: "10.96.0.7", true: ""}[taken]
		if err != nil || service.Spec.ClusterIP != want || service.Spec.Ports[0].Port != 80 || service.Spec.Selector != nil {
			t.Errorf("address taken %t: %+v, %v", taken, service, err)
		}
		if got := leadsTo(t, client); got != "10.1.0.1" {
			t.Errorf("it leads to %s", got)
		}
	}
}

// TestOnlyTheLeaderOpensTheBarrier: opening deletes what another may be working with.
func TestOnlyTheLeaderOpensTheBarrier(t *testing.T) {
	client := optimistic("b")
	store := leadersStore{nil, newElection(client, testNamespace, "a", slog.New(slog.DiscardHandler), nil).mine}
	if _, err := store.Open(t.Context()); err == nil || err.Error() != `"b" leads by now` {
		t.Errorf("opened, %v", err)
	}
}
