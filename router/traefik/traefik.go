// Package traefik asks Traefik, from 3.0, by its API.
package traefik

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/router"
)

// Name of the kind.
const Name = "traefik"

// Kind is Traefik.
type Kind struct{}

// defaultPort is that of the entry point "traefik", which the API is at.
const defaultPort = 8080

// Find finds Traefik's API in a pod: on the entry point "traefik", if api.insecure opens it there. Its
// options are read from arguments and environment; one that is set by a file is not found.
func (Kind) Find(pod *corev1.Pod) (router.API, bool) {
	for _, c := range router.Containers(pod, Name) {
		if open, err := strconv.ParseBool(option(c, "api.insecure")); err != nil || !open {
			continue
		}
		api := router.API{Kind: Name, Port: defaultPort}
		if address := option(c, "entrypoints.traefik.address"); address != "" {
			port, ok := reachable(address)
			if !ok {
				continue
			}
			api.Port = port
		}
		api.Path = strings.TrimSuffix(option(c, "api.basepath"), "/")
		if found, err := router.ParseAPI(api.String()); err == nil {
			return found, true
		}
	}
	return router.API{}, false
}

// option gives a container's value of an option: the last of its arguments wins, then the environment. A
// flag without a value is true.
func option(c *corev1.Container, name string) string {
	for _, arg := range slices.Backward(slices.Concat(c.Command, c.Args)) {
		flag, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || !strings.EqualFold(flag, name) {
			continue
		}
		if !given {
			value = "true"
		}
		return value
	}
	variable := "TRAEFIK_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
	for _, env := range slices.Backward(c.Env) {
		if env.Name == variable {
			return env.Value
		}
	}
	return ""
}

// reachable gives the port of an entry point's address, as in ":8080/tcp"; false if it is not open to
// other pods.
func reachable(address string) (uint16, bool) {
	address, _, _ = strings.Cut(address, "/")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, false
	}
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
		return 0, false
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return uint16(number), err == nil && number > 0
}

// lists are the services of each protocol. All are asked for in one page: between two pages Traefik may
// take in a new configuration, and what moved from the one to the other would be missed.
var lists = []string{"/api/http/services", "/api/tcp/services", "/api/udp/services"}

const onePage = "?per_page=1000000"

var errPages = errors.New("its services come in more than one page")

// Ask reads all servers of all services. Traefik answers by the configuration that it routes by: it
// builds API and routers together.
func (Kind) Ask(ctx context.Context, door *router.Door) (*router.Addresses, error) {
	found := &router.Addresses{}
	for _, list := range lists {
		err := door.Get(ctx, list+onePage, func(header http.Header, body *router.Body) error {
			if next := header.Get("X-Next-Page"); next != "1" {
				return errPages
			}
			return read(body, found)
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// service is what is read of a service. One that only combines others has no loadBalancer. Its servers are read
// one by one: short ones would take far more memory than their text.
type service struct {
	LoadBalancer struct {
		Sticky  *struct{}       `json:"sticky"`
		Servers json.RawMessage `json:"servers"`
	} `json:"loadBalancer"`
}

type server struct {
	URL     string `json:"url"`     // HTTP
	Address string `json:"address"` // TCP and UDP
	Fenced  bool   `json:"fenced"`
}

// read adds the servers of a list of services. A server whose pod terminates is fenced: it gets requests
// of sessions that stick to it, and no others.
func read(body *router.Body, found *router.Addresses) error {
	services := router.NewJSON(body)
	return services.List(func() error {
		var one service
		if err := services.Value(&one); err != nil {
			return err
		}
		if len(one.LoadBalancer.Servers) == 0 {
			return nil
		}
		servers := router.NewJSON(router.NewBody(bytes.NewReader(one.LoadBalancer.Servers)))
		return servers.List(func() error {
			var each server
			if err := servers.Value(&each); err != nil {
				return err
			}
			return each.add(found, one.LoadBalancer.Sticky != nil)
		})
	})
}

func (s server) add(found *router.Addresses, sticky bool) error {
	use := router.Sends
	switch {
	case s.Fenced && !sticky:
		use = router.Gone
	case s.Fenced:
		use = router.Bound
	}
	address := s.Address
	if target, err := url.Parse(s.URL); err == nil && s.URL != "" {
		address = target.Host
	}
	return found.Add(address, use)
}
