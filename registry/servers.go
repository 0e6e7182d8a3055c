package registry

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Server is a registry that an installation names. What others ask to be called is compared with
// it, and calls are made as it says.
type Server struct {
	Spec   Spec   // its kind, its servers, and their context if it has one; nothing else
	Secret string // name of the Secret with the controller's own credentials there; empty: none
}

// Servers are all that an installation names. Without any, nothing is called.
type Servers []Server

// ParseServer reads a registry as an installation names it: a kind, its servers as in a spec, and
// for the controller a Secret, as in "nacos server=nacos.infra:8848 secret=nacos".
func (all Kinds) ParseServer(text string) (Server, error) {
	words, err := split(text)
	if err != nil {
		return Server{}, fmt.Errorf("registry-server %q: %w", text, err)
	}
	var server Server
	var rest []string
	for _, word := range words {
		if secret, is := strings.CutPrefix(word, "secret="); is {
			server.Secret = secret
			continue
		}
		if key, value, has := strings.Cut(word, "="); has {
			if UseOf(key) != Reach {
				return Server{}, fmt.Errorf("registry-server %q: %s does not say which server it is: write a kind, server=, and if need be context= and secret=", text, key)
			}
			word = key + "=" + Quote(value)
		}
		rest = append(rest, word)
	}
	if server.Spec, err = all.ParseSpec(strings.Join(rest, " ")); err != nil {
		return Server{}, fmt.Errorf("registry-server %q: %w", text, err)
	}
	if len(server.Spec.List("server")) == 0 {
		return Server{}, fmt.Errorf("registry-server %q: no server is given; write it as in: nacos server=nacos.infra:8848", text)
	}
	return server, nil
}

// Of finds the registry that a spec means: of its kind, with all of its servers. The spec's path
// and scheme do not count: calls are made as the installation says.
func (all Servers) Of(spec Spec) (Server, bool) {
	wanted := spec.List("server")
	for _, one := range all {
		if one.Spec.Kind != spec.Kind || len(wanted) == 0 {
			continue
		}
		var known []string
		for _, server := range one.Spec.List("server") {
			known = append(known, hostPort(server))
		}
		if !slices.ContainsFunc(wanted, func(server string) bool { return !slices.Contains(known, hostPort(server)) }) {
			return one, true
		}
	}
	return Server{}, false
}

// hostPort is the host and port in a server's text; a port that the kind chooses is left open.
func hostPort(server string) string {
	scheme, rest, has := strings.Cut(server, "://")
	if !has {
		scheme, rest = "", server
	}
	u, err := url.Parse("any://" + rest)
	if err != nil || u.User != nil || u.Hostname() == "" {
		return server
	}
	port := u.Port()
	if port == "" && scheme == "https" {
		port = "443"
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}

// Within gives a copy of a spec that goes where, and as, the installation says.
func (s Server) Within(spec Spec) Spec {
	for _, key := range []string{"server", "context"} {
		spec = spec.With(key, s.Spec.Get(key))
	}
	return spec
}

// InPod reports whether all servers of a spec are the pod itself.
func InPod(spec Spec) bool {
	return !slices.ContainsFunc(spec.List("server"), func(server string) bool {
		host, _, err := net.SplitHostPort(hostPort(server))
		ip, ipErr := netip.ParseAddr(host)
		return err != nil || host != "localhost" && (ipErr != nil || !ip.IsLoopback())
	})
}

// Use is what a key of a spec is about, which decides who may set it.
type Use int

// The uses. Anyone may say which service is looked for, and how.
const (
	Name  Use = iota
	Reach     // where it is looked for
	One       // one instance: of many pods it can't be said
	Local     // a file or a variable of the container
	Wait      // times
)

// UseOf is what a key is about, by its name.
func UseOf(key string) Use {
	switch key {
	case "server", "context":
		return Reach
	case "ip", "id", "weight", "ephemeral":
		return One
	case "stale", "quiet", "timeout":
		return Wait
	}
	if strings.HasSuffix(key, "-file") || strings.HasSuffix(key, "-env") {
		return Local
	}
	return Name
}

// Keys are those that are set, in order.
func (s Spec) Keys() []string { return slices.Sorted(maps.Keys(s.values)) }
