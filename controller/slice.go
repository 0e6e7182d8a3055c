package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// keepEvery is how often the hub's Service and slice are checked without a sign that they changed.
const keepEvery = 30 * time.Second

// hubObjects hears of changes to the hub's Service and slice.
type hubObjects struct {
	mu      sync.Mutex
	ip      string        // the Service's last address: pods carry it
	changed chan struct{} // closed at the next change
}

// next is closed when something changes after the call.
func (h *hubObjects) next() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	return h.changed
}

// change notes that one of the objects has changed, or is gone; ip is the Service's address, or
// empty.
func (h *hubObjects) change(ip string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ip != "" {
		h.ip = ip
	}
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

func (h *hubObjects) address() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ip
}

// keepHubService has the hub's Service lead to this replica alone until ctx is done: a change by anybody
// else, for instance a leader that was paused, is corrected.
func (l *leader) keepHubService(ctx context.Context) {
	for pause := time.Second; ctx.Err() == nil; {
		changed := l.hub.next()
		wait := keepEvery
		if err := l.leadHere(ctx); err != nil && ctx.Err() == nil {
			l.options.Log.Warn("hub: leading its Service here", "again in", pause, "error", err)
			wait, pause, changed = pause, min(2*pause, keepEvery), nil
		} else {
			pause = time.Second
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(wait):
		}
	}
}

// leadHere has the hub's Service, which has no selector, lead to this replica alone, if it does not.
func (l *leader) leadHere(ctx context.Context) error {
	if err := l.keepService(ctx); err != nil {
		return fmt.Errorf("keeping Service %s: %w", hubService, err)
	}
	if err := l.keepSlice(ctx); err != nil {
		return fmt.Errorf("keeping the slice of Service %s: %w", hubService, err)
	}
	return nil
}

// keepService recreates the Service when somebody deleted it, if possible at the address that pods
// carry.
func (l *leader) keepService(ctx context.Context) error {
	services := l.clientset.CoreV1().Services(l.options.Namespace)
	_, err := services.Get(ctx, hubService, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	if err := l.election.mine(ctx); err != nil {
		return err
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.options.Namespace, Name: hubService, Labels: map[string]string{nameLabel: ourName}},
		Spec: corev1.ServiceSpec{
			ClusterIP: l.hub.address(),
			Ports:     []corev1.ServicePort{{Name: hubPortName, Port: 80, TargetPort: intstr.FromInt(l.options.HubPort)}},
		},
	}
	_, err = services.Create(ctx, service, metav1.CreateOptions{})
	if apierrors.IsInvalid(err) && service.Spec.ClusterIP != "" {
		service.Spec.ClusterIP = "" // somebody else has it by now; pods also carry the name
		_, err = services.Create(ctx, service, metav1.CreateOptions{})
	}
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		l.options.Log.Warn("hub: its Service was gone, and is recreated", "service", hubService)
	}
	return err
}

// keepSlice writes the slice if it is not as it should be. The lease is read after the slice, and
// the slice is written only if it is still as it was read: so a leader that was paused in between
// gets a conflict, or finds that another leads, and never overwrites a newer leader's slice.
func (l *leader) keepSlice(ctx context.Context) error {
	slices := l.clientset.DiscoveryV1().EndpointSlices(l.options.Namespace)
	want := l.hubSlice()
	have, err := slices.Get(ctx, want.Name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	missing := err != nil
	if !missing && sameSlice(want, have) {
		return nil
	}
	if err := l.election.mine(ctx); err != nil {
		return err
	}
	switch {
	case missing:
		_, err = slices.Create(ctx, want, metav1.CreateOptions{})
	case have.AddressType != want.AddressType: // can't be changed
		err = slices.Delete(ctx, want.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &have.ResourceVersion}})
		if err == nil {
			_, err = slices.Create(ctx, want, metav1.CreateOptions{})
		}
	default:
		want.ResourceVersion = have.ResourceVersion
		_, err = slices.Update(ctx, want, metav1.UpdateOptions{})
	}
	return err
}

// sameSlice reports whether have leads where want does. Labels that others add may stay.
func sameSlice(want, have *discoveryv1.EndpointSlice) bool {
	labels := maps.Clone(have.Labels)
	maps.Copy(labels, want.Labels)
	return have.AddressType == want.AddressType && maps.Equal(labels, have.Labels) &&
		equality.Semantic.DeepEqual(want.Ports, have.Ports) && equality.Semantic.DeepEqual(want.Endpoints, have.Endpoints)
}

func (l *leader) hubSlice() *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: l.options.Namespace, Name: hubService,
			Labels: map[string]string{
				nameLabel:                    ourName,
				discoveryv1.LabelServiceName: hubService,
				discoveryv1.LabelManagedBy:   "controller.lameduck.dev", // keeps other controllers off
			},
		},
		AddressType: discoveryv1.AddressType(familyOf(l.ip)),
		Ports: []discoveryv1.EndpointPort{{
			Name: ptr.To(hubPortName), Port: ptr.To(int32(l.options.HubPort)), Protocol: ptr.To(corev1.ProtocolTCP),
		}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses:  []string{l.ip.String()},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
			NodeName:   ptr.To(l.options.Pod.Node),
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: l.options.Namespace, Name: l.options.Pod.Name},
		}},
	}
}
