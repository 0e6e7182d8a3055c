package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// leadHere has the hub's Service, which has no selector, lead to this replica alone.
func (l *leader) leadHere(ctx context.Context) error {
	slices := l.clientset.DiscoveryV1().EndpointSlices(l.options.Namespace)
	slice := l.hubSlice()
	_, err := slices.Create(ctx, slice, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		// Without a resourceVersion the last writer wins, and that is the leader. The address
		// family of a slice can't change: it is the Service's.
		_, err = slices.Update(ctx, slice, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("leading %s to this replica: %w", hubService, err)
	}
	return nil
}

func (l *leader) hubSlice() *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: l.options.Namespace, Name: hubService,
			Labels: map[string]string{
				discoveryv1.LabelServiceName: hubService,
				discoveryv1.LabelManagedBy:   "controller.lameduck.dev", // keeps other controllers off
			},
		},
		AddressType: discoveryv1.AddressType(familyOf(l.ip)),
		Ports: []discoveryv1.EndpointPort{{
			Name: ptr.To("hub"), Port: ptr.To(int32(l.options.HubPort)), Protocol: ptr.To(corev1.ProtocolTCP),
		}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses:  []string{l.ip.String()},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
			NodeName:   ptr.To(l.options.Pod.Node),
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: l.options.Namespace, Name: l.options.Pod.Name},
		}},
	}
}
