// Package envoy asks Envoy by its admin interface.
package envoy

import (
	"context"
	"net/http"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/router"
)

// Name of the kind.
const Name = "envoy"

// Kind is Envoy.
type Kind struct{}

// Find finds Envoy's admin interface in a pod: a port that its container declares as "admin".
func (Kind) Find(pod *corev1.Pod) (router.API, bool) {
	port, found := router.NamedPort(pod, Name, "admin")
	return router.API{Kind: Name, Port: port}, found
}

// Ask reads all hosts of all clusters.
func (Kind) Ask(ctx context.Context, door *router.Door) (*router.Addresses, error) {
	found := &router.Addresses{}
	err := door.Get(ctx, "/clusters?format=json", func(_ http.Header, body *router.Body) error { return read(body, found) })
	if err != nil {
		return nil, err
	}
	return found, nil
}

// host is what is read of a cluster's host. One without a socket address is no pod.
type host struct {
	Address struct {
		Socket *struct {
			Address string `json:"address"`
		} `json:"socket_address"`
	} `json:"address"`
	Hostname string `json:"hostname"`
	Health   struct {
		EDS     string `json:"eds_health_status"`
		Active  bool   `json:"failed_active_health_check"`
		Outlier bool   `json:"failed_outlier_check"`
	} `json:"health_status"`
}

// use of a host that is listed is never nothing. One that is draining or not healthy still gets sessions
// that are bound to it, and any request once too few hosts are healthy (the panic threshold).
func (h host) use() router.Use {
	switch h.Health.EDS {
	case "DRAINING", "UNHEALTHY", "TIMEOUT":
		return router.Bound
	}
	if h.Health.Active || h.Health.Outlier {
		return router.Bound
	}
	return router.Sends
}

// read adds the hosts. Those of a cluster that goes by DNS are listed by address, and by their name beside it. Of
// one that has no host nothing tells whether it goes by DNS.
func read(body *router.Body, found *router.Addresses) error {
	answer := router.NewJSON(body)
	return answer.Object("cluster_statuses", func() error {
		return answer.List(func() error {
			hosts := 0
			err := answer.Object("host_statuses", func() error {
				return answer.List(func() error {
					var one host
					hosts++
					if err := answer.Value(&one); err != nil || one.Address.Socket == nil {
						return err
					}
					found.Named = found.Named || one.Hostname != ""
					return found.Add(one.Address.Socket.Address, one.use())
				})
			})
			found.Named = found.Named || hosts == 0
			return err
		})
	})
}
