// Package zookeeper takes an instance out of ZooKeeper by deleting its nodes.
//
// It knows two layouts: Spring Cloud's, a node of JSON for each instance of a service; and Dubbo's,
// which has such a node for the application, and one for each interface. It deletes only ephemeral
// nodes, which belong to the application's own session. So they come back when the application
// opens a new session, which the keeper watches for; and nothing is left behind when the
// application has ended, so there is no record and nothing to restore.
//
// The few requests that it needs are implemented here, each bounded in time and size: see
// docs/decisions/0055-zookeeper-spoken-here.md.
package zookeeper

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// Client is one service in one ensemble. It keeps the ports on which it has found the pod: with the
// pod's own nodes gone, another pod's could be the only ones with its address.
type Client struct {
	spec    registry.Spec
	pod     registry.Pod
	host    string      // the pod's name for itself, which Spring registers by default
	servers []string    // host:port
	chroot  string      // before every path; empty or /name
	tls     *tls.Config // nil: none is spoken

	mu       sync.Mutex
	sessions map[string]*session // the idle ones, by server
	found    map[int]bool        // the ports on which the pod was found; nil before that
}

// New makes a client for the instance of a pod.
func New(spec registry.Spec, pod registry.Pod) (*Client, error) {
	c := &Client{spec: spec, pod: pod.Of(spec), sessions: map[string]*session{}}
	if layout := spec.Or("layout", "spring"); layout != "spring" && layout != "dubbo" {
		return nil, fmt.Errorf("registry %s: layout=%s: it is spring or dubbo", spec.Name(), layout)
	}
	if spec.Get("service") == "" {
		return nil, fmt.Errorf("registry zookeeper: no service is given: write service= and the application's name")
	}
	if spec.Get("ip") == "" {
		c.host = pod.Host // without one, the addresses decide
	}
	if err := c.readServers(); err != nil {
		return nil, fmt.Errorf("registry %s: %w", spec.Name(), err)
	}
	return c, nil
}

// readServers reads host:port, tls://host:port, the form of connection strings with a path
// after the last server, and that of Dubbo's addresses: zookeeper://a:2181?backup=b:2181,c:2181.
func (c *Client) readServers() error {
	secure := c.spec.Get("ca-file") != "" || c.spec.Get("cert-file") != ""
	for _, server := range c.spec.List("server") {
		if rest, is := strings.CutPrefix(server, "tls://"); is {
			secure, server = true, rest
		}
		server = strings.TrimPrefix(server, "zookeeper://")
		server, query, _ := strings.Cut(server, "?")
		if values, err := url.ParseQuery(query); err == nil && values.Get("backup") != "" {
			server += "," + values.Get("backup")
		}
		for one := range strings.SplitSeq(server, ",") {
			address, path, _ := strings.Cut(one, "/")
			if path = strings.Trim(path, "/"); path != "" {
				c.chroot = "/" + path
			}
			if strings.ContainsAny(address, "@ ") || address == "" {
				return errors.New("server: write it as host:port; credentials do not go in it, name variables or files by username-env, password-env, username-file, password-file")
			}
			if _, _, err := net.SplitHostPort(address); err != nil {
				address = net.JoinHostPort(strings.Trim(address, "[]"), "2181")
			}
			c.servers = append(c.servers, address)
		}
	}
	if len(c.servers) == 0 {
		return errors.New("no server is given: write server=zookeeper:2181")
	}
	config, err := web.TLSConfig(c.spec)
	if secure {
		c.tls = config
	}
	return err
}

// Find looks the pod's nodes up at one server.
func (c *Client) Find(ctx context.Context) (registry.Found, error) {
	var own []node
	err := registry.Anywhere(c.servers, func(server string) (err error) {
		own, err = c.own(ctx, server)
		return err
	})
	if err != nil {
		return registry.Found{}, err
	}
	return registry.Found{Detail: fmt.Sprintf("%s, nodes: %d", registry.Address(own[0].at()), len(own))}, nil
}

// Withdraw deletes the pod's nodes as they are now. It is no error if none is left. Nodes that
// outlive a session are not touched: nobody would write them again, neither the application, which
// believes that they are there, nor the next one.
func (c *Client) Withdraw(ctx context.Context, _ registry.Spec) error {
	return registry.Anywhere(c.servers, func(server string) error {
		own, err := c.own(ctx, server)
		if registry.Gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return c.with(ctx, server, func(s *session) error {
			var stay error
			for _, n := range own {
				if n.owner == 0 {
					stay = fmt.Errorf("%s: %s is not ephemeral (Dubbo's dynamic=false, Curator's PERMANENT): it is left as it is, since nothing would put it back; withdraw the application by kind dubbo or actuator", server, n.path)
					continue
				}
				if err := s.remove(ctx, n); err != nil {
					return err
				}
			}
			return stay
		})
	})
}

// Confirm is nil if no server has a node of the pod. Each catches up with the leader first, since
// consumers hear from the server that they are connected to.
func (c *Client) Confirm(ctx context.Context, _ registry.Spec) error {
	return registry.Everywhere(c.servers, func(server string) error {
		own, err := c.own(ctx, server)
		switch {
		case registry.Gone(err):
			return nil
		case err != nil:
			return err
		}
		return registry.In(registry.Address(own[0].at()), server)
	})
}

// own are the nodes of the pod that a server has; none is an error.
func (c *Client) own(ctx context.Context, server string) (own []node, err error) {
	err = c.with(ctx, server, func(s *session) error {
		if err := s.sync(ctx); err != nil {
			return err
		}
		all, err := c.list(ctx, s)
		if err == nil {
			own, err = c.pick(all)
		}
		return err
	})
	return own, err
}

// list reads the service's nodes. A folder that is missing is most often a wrong name; but an
// empty one is removed by ZooKeeper after a while.
func (c *Client) list(ctx context.Context, s *session) ([]node, error) {
	service := c.spec.Get("service")
	if c.spec.Get("layout") != "dubbo" {
		folder := c.folder("services") + "/" + service
		all, there, err := s.instances(ctx, folder)
		if err == nil && !there {
			err = registry.NoService(folder)
		}
		return all, err
	}
	folder := c.chroot + "/services/" + service
	all, there, err := s.instances(ctx, folder)
	if err != nil {
		return nil, err
	}
	root := c.folder("dubbo")
	providers, rooted, err := s.providers(ctx, root, c.isOwn)
	if err == nil && !there && !rooted {
		err = registry.NoService(folder + ", and no interfaces below " + root)
	}
	return append(all, providers...), err
}

// folder is the layout's root.
func (c *Client) folder(usual string) string {
	return c.chroot + "/" + strings.Trim(c.spec.Or("root", usual), "/")
}

// isOwn reports whether an address is the pod's: one of its own, or its name.
func (c *Client) isOwn(address string) bool {
	return c.pod.Has(address) || c.host != "" && strings.EqualFold(address, c.host)
}

// pick chooses the pod's nodes. It may have many on one port, and on several ports if it serves
// several protocols. Nodes on ports that it is not known to serve on may be somebody else's: pods
// may share their node's address. So once it has been found, its ports are kept: with its own nodes
// gone, another pod's could be the only ones with its address.
func (c *Client) pick(all []node) ([]node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var own, known []node
	var there []string
	ports := map[int]bool{}
	for _, n := range all {
		there = append(there, registry.Address(n.at()))
		if !c.isOwn(n.address) || c.found != nil && !c.found[n.port] {
			continue
		}
		own = append(own, n)
		ports[n.port] = true
		if slices.ContainsFunc(c.pod.Ports, func(own uint16) bool { return int(own) == n.port }) {
			known = append(known, n)
		}
	}
	switch {
	case c.found == nil && len(known) > 0:
		own = known
	case len(own) == 0, c.spec.Port() != 0 && len(known) == 0:
		return nil, registry.NotFound(c.pod.String(), c.spec.Get("service"), there)
	case c.found == nil && len(ports) > 1:
		return nil, fmt.Errorf("%s has instances of %s on %d ports: say which by port=", c.spec.Get("service"), own[0].address, len(ports))
	}
	if c.found == nil {
		c.found = map[int]bool{}
		for _, n := range own {
			c.found[n.port] = true
		}
	}
	return own, nil
}

// with gives an open session, or else a new one. It is no failure if one has ended meanwhile.
func (c *Client) with(ctx context.Context, server string, do func(*session) error) error {
	if s := c.takeSession(server); s != nil {
		err := do(s)
		if c.keepSession(s) || ctx.Err() != nil {
			return err
		}
	}
	s, err := c.dial(ctx, server)
	if err != nil {
		return err
	}
	err = do(s)
	c.keepSession(s)
	return err
}

func (c *Client) takeSession(server string) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[server]
	delete(c.sessions, server)
	return s
}

// keepSession keeps a session for the next time; false if it has ended.
func (c *Client) keepSession(s *session) bool {
	c.mu.Lock()
	_, occupied := c.sessions[s.server]
	if !s.dead && !occupied {
		c.sessions[s.server] = s
	}
	c.mu.Unlock()
	if s.dead || occupied {
		s.close()
	}
	return !s.dead
}

// Close ends the kept sessions.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for server, s := range c.sessions {
		s.close()
		delete(c.sessions, server)
	}
}

// refused turns what an access list forbids into an error that says so.
func refused(err error, what string) error {
	if errors.Is(err, codeNoAuth) {
		return fmt.Errorf("%w: the access list does not let this user %s (%w): give one that it lets by username-env= and password-env=", registry.ErrDenied, what, err)
	}
	if err != nil {
		return fmt.Errorf("to %s: %w", what, err)
	}
	return nil
}
