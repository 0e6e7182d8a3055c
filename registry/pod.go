package registry

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// Pod is the pod whose instance it is.
type Pod struct {
	IPs   []netip.Addr
	Ports []uint16 // that it is known to serve on; none if unknown
	Host  string   // its own name for itself, by which instances may be registered; empty if unknown
}

// Of gives the pod that a spec's own ip stands for, or else p.
func (p Pod) Of(s Spec) Pod {
	if ip, err := netip.ParseAddr(s.Get("ip")); err == nil {
		p.IPs = []netip.Addr{ip}
	}
	if port := s.Port(); port != 0 {
		p.Ports = []uint16{port}
	}
	return p
}

// Has reports whether an address, as a registry has it, is the pod's.
func (p Pod) Has(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(p.IPs, func(own netip.Addr) bool { return own.Unmap() == ip.Unmap() })
}

// String is the pod's address as people write it.
func (p Pod) String() string {
	switch {
	case len(p.IPs) == 0:
		return "this pod"
	case len(p.Ports) == 1:
		return Address(p.IPs[0].String(), int(p.Ports[0]))
	}
	return p.IPs[0].String()
}

// Address joins an instance's address and port.
func Address(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }

// Pick finds the pod's instance among a service's: that with its address, and with its port if
// there are several. Only one can be right: where pods share their node's address, the others are
// somebody else's.
func Pick[T any](p Pod, s Spec, where string, all []T, at func(T) (ip string, port int)) (T, error) {
	var own, onPort []T
	var there []string
	for _, one := range all {
		ip, port := at(one)
		there = append(there, Address(ip, port))
		if !p.Has(ip) {
			continue
		}
		own = append(own, one)
		if slices.ContainsFunc(p.Ports, func(own uint16) bool { return int(own) == port }) {
			onPort = append(onPort, one)
		}
	}
	var none T
	switch {
	case len(onPort) == 1:
		return onPort[0], nil
	case len(own) == 0, s.Port() != 0 && len(onPort) == 0:
		return none, NotFound(p.String(), where, there)
	case len(own) == 1:
		return own[0], nil
	}
	return none, fmt.Errorf("%s has %d instances of %s: say which by port=", where, len(own), p.IPs[0])
}

// OwnIPs are the addresses of this pod's interfaces, loopback and link-local ones apart.
func OwnIPs() ([]netip.Addr, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("finding the pod's own address: %w; give it by ip=", err)
	}
	var ips []netip.Addr
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && !prefix.Addr().IsLoopback() && !prefix.Addr().IsLinkLocalUnicast() {
			ips = append(ips, prefix.Addr().Unmap())
		}
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("finding the pod's own address: no interface has one; give it by ip=")
	}
	return ips, nil
}
