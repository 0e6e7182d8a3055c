package controller

import (
	"context"
	"net/netip"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lameduck-dev/lameduck/controller/peers"
)

// addressIndex finds pods by an address of their own.
const addressIndex = "address"

// addressesOf are a pod's own addresses; one on the host's network has none.
func addressesOf(object client.Object) (addresses []string) {
	pod := object.(*corev1.Pod)
	if pod.Spec.HostNetwork {
		return nil
	}
	for _, ip := range pod.Status.PodIPs {
		if address, err := netip.ParseAddr(ip.IP); err == nil {
			addresses = append(addresses, address.Unmap().String())
		}
	}
	return addresses
}

// PodsAt gives the pods whose own address is ip.
func (l *leader) PodsAt(ip netip.Addr) (found []peers.Pod) {
	var list corev1.PodList
	if err := l.cache.List(context.Background(), &list, client.MatchingFields{addressIndex: ip.String()}, client.UnsafeDisableDeepCopy); err != nil {
		return nil // then it counts as an address outside the cluster, which may know the pod's
	}
	for i := range list.Items {
		found = append(found, peers.Describe(&list.Items[i]))
	}
	return found
}

// IsNode reports whether ip is a node's.
func (l *leader) IsNode(ip netip.Addr) bool { return l.nodes.has(ip) }

// ReviewAccess has the API server say what somebody may do.
func (l *leader) ReviewAccess(ctx context.Context, review *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error) {
	return l.clientset.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
}
