package restore

import (
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/kinds"
)

// claim is an instance that a pod claims as its own.
type claim struct {
	server registry.Server
	spec   registry.Spec // the installation's, and of the pod's what names the instance
	pod    registry.Pod

	// Guarded by the Restorer's mutex:
	seen   bool          // at the pod's address, by the restorer itself
	record registry.Spec // of what was seen
}

var errForeign = errors.New("it is not the pod's instance")

func foreign(found registry.Found) error {
	return fmt.Errorf("%w: it is registered at %q", errForeign, found.Address)
}

// claim reads a pod's record. The installation says how the registry is reached, and no file or
// variable may be named: only what names the service and the instance is taken from the pod.
func (r *Restorer) claim(pod *corev1.Pod, text string) (*claim, error) {
	said, err := kinds.All.ParseSpec(text)
	if err != nil {
		return nil, err
	}
	c := &claim{}
	for _, own := range pod.Status.PodIPs {
		if ip, err := netip.ParseAddr(own.IP); err == nil {
			c.pod.IPs = append(c.pod.IPs, ip)
		}
	}
	if !c.pod.Has(said.Get("ip")) {
		return nil, fmt.Errorf("registry %s: ip=%s is not this pod's", said.Kind, said.Get("ip"))
	}
	server, named := r.config.Servers.Of(said)
	if !named {
		return nil, fmt.Errorf("registry %s: the controller may not speak to %q: its flag --registry-server names those it may", said.Kind, said.Get("server"))
	}
	c.server, c.spec = server, server.Spec
	for _, key := range said.Keys() {
		if registry.UseOf(key) == registry.Name || key == "id" {
			c.spec = c.spec.With(key, said.Get(key))
		}
	}
	return c, nil
}

// owns reports whether an instance's address is the pod's. A host name is no proof: pods of other
// namespaces may have the same.
func (c *claim) owns(address string) bool { return c.pod.Has(address) }
