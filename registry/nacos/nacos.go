// Package nacos takes an instance out of Nacos 1.x, 2.x and 3.x by disabling it.
//
// It disables by PATCH (3.x: PUT …/partial), because that is refused for a missing instance, where
// PUT would answer ok and disable a future one. DELETE is of no use: for an instance that a gRPC
// client registered it answers ok and does nothing, and a beat puts the others back within 4 s. The
// weight is always sent as it was found, since a missing one would mean 1; metadata is never sent,
// since it would override those of the next instance.
package nacos

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// Client is one service in one Nacos.
type Client struct {
	spec    registry.Spec
	pod     registry.Pod
	web     *web.Client
	servers []string // base URLs, with the context path

	mu    sync.Mutex
	api   api
	nodes []string
	token token
}

// New makes a client for the instance of a pod.
func New(spec registry.Spec, pod registry.Pod) (*Client, error) {
	if spec.Get("service") == "" {
		return nil, fmt.Errorf("registry nacos: no service is given: write service=")
	}
	servers, err := web.Bases(spec, "8848", spec.Or("context", "/nacos"))
	if err != nil {
		return nil, err
	}
	c := &Client{spec: spec, pod: pod.Of(spec), servers: servers}
	switch version := spec.Get("api"); version {
	case "":
	case "v1":
		c.api = v1{}
	case "v3":
		c.api = v3{}
	default:
		return nil, fmt.Errorf("registry %s: api=%s: it is v1 (Nacos 1 and 2) or v3 (Nacos 3)", spec.Name(), version)
	}
	c.web, err = web.New(spec)
	return c, err
}

// Close ends the idle connections.
func (c *Client) Close() { c.web.Close() }

// place is the service as people and Nacos's own messages write it.
func (c *Client) place() string {
	where := c.group() + "@@" + c.spec.Get("service")
	if namespace := c.spec.Get("namespace"); namespace != "" {
		where += " in namespace " + namespace
	}
	return where
}

func (c *Client) group() string { return c.spec.Or("group", "DEFAULT_GROUP") }

// service are the parameters by which every call names the service.
func (c *Client) service(api api) url.Values {
	values := url.Values{"serviceName": {api.serviceName(c)}, "groupName": {c.group()}}
	if namespace := c.spec.Get("namespace"); namespace != "" {
		values.Set("namespaceId", namespace)
	}
	return values
}

// Find looks the instance up, also if it is disabled.
func (c *Client) Find(ctx context.Context) (registry.Found, error) {
	var found registry.Found
	err := registry.Anywhere(c.servers, func(server string) error {
		api, err := c.choose(ctx, server)
		if err != nil {
			return err
		}
		all, err := api.instances(ctx, c, server)
		if err != nil {
			return err
		}
		own, err := registry.Pick(c.pod, c.spec, c.place(), all, instance.at)
		if err != nil {
			return err
		}
		found = c.found(own)
		return nil
	})
	return found, err
}

func (c *Client) found(own instance) registry.Found {
	weight := strconv.FormatFloat(own.Weight, 'f', -1, 64)
	record := c.spec.With("ip", own.IP).With("port", strconv.Itoa(own.Port)).
		With("cluster", own.cluster()).With("weight", weight).With("ephemeral", strconv.FormatBool(own.Ephemeral))
	detail := fmt.Sprintf("%s in cluster %s, weight %s", registry.Address(own.IP, own.Port), own.cluster(), weight)
	if !own.Enabled {
		detail += ", disabled"
	}
	return registry.Found{Record: record, Address: own.IP, Out: !own.Enabled, Detail: detail}
}

// Withdraw disables the instance, through the first server that can.
func (c *Client) Withdraw(ctx context.Context, record registry.Spec) error {
	return registry.Anywhere(c.servers, func(server string) error {
		api, err := c.choose(ctx, server)
		if err != nil {
			return err
		}
		return api.patch(ctx, c, server, c.instance(api, record, false))
	})
}

// Restore enables the address again: the instance's if it is still there, or else the next one's.
func (c *Client) Restore(ctx context.Context, record registry.Spec) error {
	if record.Get("ip") == "" || record.Port() == 0 {
		return fmt.Errorf("restoring %s: it needs the instance's ip= and port=", c.place())
	}
	err := registry.Anywhere(c.servers, func(server string) error {
		api, err := c.choose(ctx, server)
		if err != nil {
			return err
		}
		return api.put(ctx, c, server, c.instance(api, record, true))
	})
	if errors.Is(err, registry.ErrNoService) {
		return nil // and with it went everything that was known about its instances
	}
	return err
}

// instance are the parameters of a write: exactly what was found, but for enabled.
func (c *Client) instance(api api, record registry.Spec, enabled bool) url.Values {
	values := c.service(api)
	values.Set("ip", record.Get("ip"))
	values.Set("port", record.Get("port"))
	values.Set("clusterName", record.Or("cluster", defaultCluster))
	values.Set("weight", record.Or("weight", "1"))
	values.Set("ephemeral", record.Or("ephemeral", "true"))
	values.Set("enabled", strconv.FormatBool(enabled))
	return values
}

// Confirm reads back, from every node, what consumers get.
func (c *Client) Confirm(ctx context.Context, record registry.Spec) error {
	nodes, err := c.allNodes(ctx)
	if err != nil {
		return err
	}
	return registry.Everywhere(nodes, func(node string) error {
		api, err := c.choose(ctx, node)
		if err != nil {
			return err
		}
		given, err := api.given(ctx, c, node)
		if err != nil {
			return err
		}
		for _, one := range given {
			if one.Enabled && one.IP == record.Get("ip") && one.Port == int(record.Port()) {
				return registry.In(registry.Address(one.IP, one.Port), node)
			}
		}
		return nil
	})
}

// allNodes are the given servers or, if the cluster has more, its members: a given server can be
// one address in front of all of them. Members that the cluster itself has as down are left out;
// given servers never are.
func (c *Client) allNodes(ctx context.Context) ([]string, error) {
	c.mu.Lock()
	nodes := c.nodes
	c.mu.Unlock()
	if nodes != nil {
		return nodes, nil
	}
	err := registry.Anywhere(c.servers, func(server string) error {
		api, err := c.choose(ctx, server)
		if err != nil {
			return err
		}
		members, err := api.members(ctx, c, server)
		if err != nil {
			members = nil // only an administrator may ask; the given servers have to do
		}
		nodes = c.servers
		if len(members) > len(c.servers) {
			base, err := url.Parse(server)
			if err != nil {
				return err
			}
			nodes = nil
			for _, member := range members {
				if member.State != "DOWN" {
					nodes = append(nodes, (&url.URL{Scheme: base.Scheme, Host: member.Address, Path: base.Path}).String())
				}
			}
		}
		return nil
	})
	c.mu.Lock()
	c.nodes = nodes
	c.mu.Unlock()
	return nodes, err
}
