package etcd

import (
	"encoding/json"
	"net"
	"net/url"
	"slices"
	"strconv"

	"github.com/lameduck-dev/lameduck/registry"
)

// layout is how a library writes its instances.
type layout struct {
	name, prefix string
	// parse reads one; ok is false for a key that is not the service's.
	parse func(p pair, service string) (own instance, ok bool)
}

// layouts are those of github.com/go-kratos/kratos/contrib/registry/etcd, whose keys are
// /microservices/<service>/<id>, and of github.com/kitex-contrib/registry-etcd, whose keys are
// kitex/registry-etcd/<service>/<ip:port>, without a slash before them.
var layouts = map[string]layout{
	"kratos": {"kratos", "/microservices", parseKratos},
	"kitex":  {"kitex", "kitex/registry-etcd", parseKitex},
}

// instance is one key, and where its instance can be reached.
type instance struct {
	pair
	addresses []address // at least one
}

type address struct {
	ip   string
	port int
}

// at is the address that identifies the instance: the one on a port on which the pod is known to
// serve, else one with the pod's address, else the first.
func (i instance) at(pod registry.Pod) (string, int) {
	best, rank := i.addresses[0], 0
	for _, a := range i.addresses {
		r := 0
		if pod.Has(a.ip) {
			r = 1
			if slices.Contains(pod.Ports, uint16(a.port)) {
				r = 2
			}
		}
		if r > rank {
			best, rank = a, r
		}
	}
	return best.ip, best.port
}

func (i *instance) add(hostPort string) {
	host, text, err := net.SplitHostPort(hostPort)
	if err != nil {
		return
	}
	if port, err := strconv.ParseUint(text, 10, 16); err == nil && port != 0 {
		i.addresses = append(i.addresses, address{host, int(port)})
	}
}

func parseKratos(p pair, service string) (own instance, ok bool) {
	var value struct {
		Name      string   `json:"name"`
		Endpoints []string `json:"endpoints"`
	}
	if json.Unmarshal(p.value, &value) != nil || value.Name != service {
		return own, false
	}
	own.pair = p
	for _, endpoint := range value.Endpoints {
		if u, err := url.Parse(endpoint); err == nil {
			own.add(u.Host)
		}
	}
	return own, len(own.addresses) > 0
}

func parseKitex(p pair, _ string) (own instance, ok bool) {
	var value struct {
		Address string `json:"address"`
	}
	if json.Unmarshal(p.value, &value) != nil {
		return own, false
	}
	own.pair = p
	own.add(value.Address)
	return own, len(own.addresses) > 0
}
