// Package consul takes an instance out of Consul, at the agent at which it is registered.
//
// It deregisters the instance, because that is what all consumers go by: those on Spring Cloud's
// client take instances in any state unless they are set to query-passing, and went on sending to
// one in maintenance for as long as was watched. Deregistering leaves nothing behind either,
// whereas maintenance waits for the next instance with the same id. by=maintenance is for instances
// that should stay in sight, if all their consumers ask for passing instances only.
package consul

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// defaultPort is that of an agent's HTTP.
const defaultPort = "8500"

// Client is one service in one Consul.
type Client struct {
	spec        registry.Spec
	pod         registry.Pod
	host        string // the pod's name, which an instance may have as its address
	maintenance bool
	web         *web.Client
	agents      []string // base URLs
}

// New makes a client for the instance of a pod.
func New(spec registry.Spec, pod registry.Pod) (*Client, error) {
	if spec.Get("service") == "" {
		return nil, fmt.Errorf("registry consul: no service is given: write service=")
	}
	agents, err := web.Bases(spec, defaultPort, "")
	if err != nil {
		return nil, err
	}
	c := &Client{spec: spec, pod: pod.Of(spec), agents: agents}
	switch by := spec.Or("by", "deregister"); by {
	case "deregister":
	case "maintenance":
		c.maintenance = true
	default:
		return nil, fmt.Errorf("registry %s: by=%s: it is deregister or maintenance", spec.Name(), by)
	}
	if spec.Get("ip") == "" { // else another's instance may be meant
		c.host = pod.Host // without it, only the address counts
	}
	c.web, err = web.New(spec)
	return c, err
}

// Close ends the idle connections.
func (c *Client) Close() { c.web.Close() }

// Find looks the instance up at the agents. Its record is empty unless it is to be put into
// maintenance: nothing is left of what was deregistered.
func (c *Client) Find(ctx context.Context) (registry.Found, error) {
	own, agent, err := c.find(ctx)
	if err != nil {
		return registry.Found{}, err
	}
	ip, port := own.at(c)
	found := registry.Found{
		Address: own.Service.Address,
		Out:     c.maintenance && own.maintained(),
		Detail:  fmt.Sprintf("%s (%s), %s, at the agent %s", own.Service.ID, registry.Address(ip, port), own.status(), agent),
	}
	if c.maintenance {
		found.Record = c.record(own)
	}
	return found, nil
}

// record names the instance by its id. Its address is for the controller, which takes a record only
// from the pod that has it.
func (c *Client) record(own instance) registry.Spec {
	ip, port := own.at(c)
	if !c.pod.Has(ip) && len(c.pod.IPs) > 0 {
		ip = c.pod.IPs[0].String()
	}
	record := c.spec.With("id", own.Service.ID).With("ip", ip)
	if port > 0 {
		record = record.With("port", strconv.Itoa(port))
	}
	return record
}

// find asks every agent until one has the instance; and then the catalog, which knows whether
// it is at an agent that was not named.
func (c *Client) find(ctx context.Context) (instance, string, error) {
	var failed []error
	for _, agent := range c.agents {
		all, err := c.local(ctx, agent)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		own, err := c.pick(agent, all)
		if err == nil {
			return own, agent, nil
		}
		if !errors.Is(err, registry.ErrNotFound) {
			failed = append(failed, err)
		}
	}
	if len(failed) == len(c.agents) {
		return instance{}, "", registry.OneOf(failed)
	}
	err := c.elsewhere(ctx)
	if len(failed) == 0 || registry.Gone(err) && !errors.Is(registry.OneOf(failed), registry.ErrDenied) {
		return instance{}, "", err
	}
	return instance{}, "", registry.OneOf(append(failed, err))
}

// elsewhere says where an instance is that none of the agents has. It is never nil.
func (c *Client) elsewhere(ctx context.Context) error {
	var all []instance
	err := registry.Anywhere(c.agents, func(agent string) (err error) {
		all, err = c.catalog(ctx, agent, false)
		return err
	})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return registry.NoService(c.spec.Get("service"))
	}
	own, err := c.pick(c.spec.Get("service"), all)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is registered at another agent, that of node %s at %s: name that one as server=", own.Service.ID, own.Node.Node, own.Node.Address)
}

// pick finds the pod's instance: by its id if one is given, which counts at its agent only, or else
// by the address.
func (c *Client) pick(where string, all []instance) (instance, error) {
	id := c.spec.Get("id")
	if id == "" {
		return registry.Pick(c.pod, c.spec, where, all, func(i instance) (string, int) { return i.at(c) })
	}
	var there []string
	for _, one := range all {
		if one.Service.ID == id && one.mayBe(c) {
			return one, nil
		}
		there = append(there, one.Service.ID)
	}
	return instance{}, registry.NotFound(id, where, there)
}

// Withdraw deregisters the instance, or puts it into maintenance. One that is not there needs
// no deregistering.
func (c *Client) Withdraw(ctx context.Context, record registry.Spec) error {
	own, agent, err := c.of(record).find(ctx)
	if !c.maintenance && registry.Gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	path := "/v1/agent/service/deregister/" + url.PathEscape(own.Service.ID)
	if c.maintenance {
		path = maintenance(own.Service.ID, "true&reason=lameduck%3A+its+pod+stops")
	}
	return c.write(ctx, agent, path)
}

// of is the client for the instance of a record, or for the pod's if that is empty.
func (c *Client) of(record registry.Spec) *Client {
	if record.IsZero() {
		return c
	}
	own := *c
	own.spec, own.pod = record, c.pod.Of(record)
	return &own
}

func maintenance(id, enable string) string {
	return "/v1/agent/service/maintenance/" + url.PathEscape(id) + "?enable=" + enable
}

// Confirm reads what consumers get, through every agent, each of which asks the leader.
func (c *Client) Confirm(ctx context.Context, record registry.Spec) error {
	own := c.of(record)
	return registry.Everywhere(c.agents, func(agent string) error {
		all, err := own.catalog(ctx, agent, c.maintenance)
		if err != nil {
			return err
		}
		one, err := own.pick(agent, all)
		if errors.Is(err, registry.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return registry.In(one.Service.ID, agent)
	})
}

// Restore ends the maintenance. An instance that deregistered itself took it with it; one that was
// killed left it for the next one with its id.
func (c *Client) Restore(ctx context.Context, record registry.Spec) error {
	if !c.maintenance {
		return nil
	}
	if record.Get("id") == "" {
		return fmt.Errorf("restoring %s: it needs the instance's id=", c.spec.Name())
	}
	own := c.of(record)
	var failed []error
	for _, agent := range c.agents {
		all, err := own.local(ctx, agent)
		if err == nil {
			if _, err = own.pick(agent, all); err == nil {
				return c.write(ctx, agent, maintenance(record.Get("id"), "false"))
			}
		}
		if !errors.Is(err, registry.ErrNotFound) {
			failed = append(failed, err)
		}
	}
	return registry.OneOf(failed)
}

func (c *Client) write(ctx context.Context, agent, path string) error {
	answer, err := c.call(ctx, http.MethodPut, agent+path)
	switch {
	case err != nil:
		return err
	case answer.Status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", registry.ErrNotFound, answer.Err())
	case answer.Status != http.StatusOK:
		return answer.Err()
	}
	return nil
}
