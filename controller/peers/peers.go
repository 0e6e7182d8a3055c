// Package peers classifies the senders of a pod's connections by how they could know the pod's own
// address.
//
// Clients of a Service's address are cut off by the barrier. A sender that has the pod's address
// from elsewhere goes on until its own source tells it otherwise, and must be waited for. A sender
// that can't be classified counts as such a one.
package peers

import (
	"context"
	"net/netip"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// Cluster is what a Classifier looks up, from caches.
type Cluster interface {
	// PodsAt gives the pods whose own address is ip: more than one where an address has just
	// changed hands.
	PodsAt(ip netip.Addr) []Pod
	// IsNode reports whether ip is a node's.
	IsNode(ip netip.Addr) bool
}

// Pod is what is known about a pod that sends.
type Pod struct {
	Namespace, Name, ServiceAccount string
	// Class is what its containers say; PeerUnknown if nothing.
	Class termination.PeerClass
}

// Target is what the peers send to.
type Target struct {
	Namespace string
	Headless  bool // a headless Service gives out the pod's address by DNS
}

// Classifier finds the classes of peers.
type Classifier struct {
	cluster Cluster
	rights  *rights
}

// New gives a Classifier. Without a reviewer every pod may know the address.
func New(cluster Cluster, reviewer Reviewer) *Classifier {
	c := &Classifier{cluster: cluster}
	if reviewer != nil {
		c.rights = newRights(reviewer)
	}
	return c
}

// Classify gives each address its class. One that can't be found before ctx is done is PeerUnknown.
func (c *Classifier) Classify(ctx context.Context, target Target, addresses []netip.Addr) []hubapi.Peer {
	classified := make([]hubapi.Peer, 0, len(addresses))
	for _, address := range addresses {
		address = address.Unmap()
		peer := hubapi.Peer{Address: address}
		switch pods := c.cluster.PodsAt(address); {
		case c.cluster.IsNode(address):
			peer.Class = termination.PeerNode
		case len(pods) == 0:
			peer.Class = termination.PeerOutside
		default:
			peer.Class, peer.Name = c.strongest(ctx, target, pods)
		}
		classified = append(classified, peer)
	}
	return classified
}

// MayRead reports whether a ServiceAccount may read the addresses of a namespace's pods; ok is false where
// that could not be found out.
func (c *Classifier) MayRead(ctx context.Context, accountNamespace, account, namespace string) (may, ok bool) {
	if c.rights == nil {
		return false, false
	}
	return c.rights.may(ctx, right{accountNamespace, account, namespace})
}

// strongest is the class of the pod that must be waited for, if several have had the address.
func (c *Classifier) strongest(ctx context.Context, target Target, pods []Pod) (class termination.PeerClass, name string) {
	for i, pod := range pods {
		found := c.class(ctx, target, pod)
		if i == 0 || found.MayKnow() && !class.MayKnow() {
			class, name = found, pod.Namespace+"/"+pod.Name
		}
	}
	return class, name
}

func (c *Classifier) class(ctx context.Context, target Target, pod Pod) termination.PeerClass {
	switch {
	case pod.Class != termination.PeerUnknown:
		return pod.Class
	case target.Headless:
		return termination.PeerResolver
	}
	may, ok := c.MayRead(ctx, pod.Namespace, pod.ServiceAccount, target.Namespace)
	switch {
	case !ok:
		return termination.PeerUnknown
	case may:
		return termination.PeerWatcher
	}
	return termination.PeerClient
}
