// Package polaris takes an instance out of Polaris by isolating it.
//
// The isolation survives the instance's heartbeats and a new registration, and so waits for the
// next instance with its address unless this one deregisters itself: hence the record. It uses the
// call that names the instance by address and port; isolate/host, which has the better name,
// isolates whatever else has the same address. What is not sent stays as it was, and a missing
// instance is refused. It looks up and reads back through the view that clients get.
package polaris

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// defaultPort is a server's for HTTP.
const defaultPort = "8090"

// Client is one service in one Polaris.
type Client struct {
	spec    registry.Spec
	pod     registry.Pod
	web     *web.Client
	servers []string // base URLs
}

// New makes a client for the instance of a pod.
func New(spec registry.Spec, pod registry.Pod) (*Client, error) {
	if spec.Get("service") == "" {
		return nil, fmt.Errorf("registry polaris: no service is given: write service=")
	}
	servers, err := web.Bases(spec, defaultPort, "")
	if err != nil {
		return nil, err
	}
	c := &Client{spec: spec, pod: pod.Of(spec), servers: servers}
	c.web, err = web.New(spec)
	return c, err
}

// Close ends the idle connections.
func (c *Client) Close() { c.web.Close() }

func (c *Client) namespace() string { return c.spec.Or("namespace", "default") }

// place is the service as people write it.
func (c *Client) place() string { return c.namespace() + "/" + c.spec.Get("service") }

// Find looks the instance up, also if it is isolated.
func (c *Client) Find(ctx context.Context) (registry.Found, error) {
	var own instance
	err := registry.Anywhere(c.servers, func(server string) error {
		all, err := c.discover(ctx, server)
		if err != nil {
			return err
		}
		own, err = registry.Pick(c.pod, c.spec, c.place(), all, instance.at)
		return err
	})
	if err != nil {
		return registry.Found{}, err
	}
	return registry.Found{
		Record:  c.spec.With("ip", own.Host).With("port", strconv.Itoa(own.Port)),
		Address: own.Host, Out: own.out(),
		Detail: fmt.Sprintf("%s of %s, %s", registry.Address(own.at()), c.place(), own.state()),
	}, nil
}

// Withdraw isolates the instance, through the first server that can.
func (c *Client) Withdraw(ctx context.Context, record registry.Spec) error {
	return c.isolate(ctx, record, true)
}

// Restore ends the isolation. An instance that deregistered itself took it with it; one that was
// killed left it behind.
func (c *Client) Restore(ctx context.Context, record registry.Spec) error {
	if record.Get("ip") == "" || record.Port() == 0 {
		return fmt.Errorf("restoring %s: it needs the instance's ip= and port=", c.place())
	}
	err := c.isolate(ctx, record, false)
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	return err
}

func (c *Client) isolate(ctx context.Context, record registry.Spec, isolate bool) error {
	message := []update{{
		Service: c.spec.Get("service"), Namespace: c.namespace(),
		Host: record.Get("ip"), Port: int(record.Port()), Isolate: isolate,
	}}
	return registry.Anywhere(c.servers, func(server string) error {
		answer, err := c.call(ctx, http.MethodPut, server+"/naming/v1/instances", message)
		if err != nil {
			return err
		}
		said, err := parse(answer)
		if err != nil {
			return err
		}
		if len(said.Responses) == 1 {
			said.Code = said.Responses[0].Code
		}
		switch said.Code {
		case codeDone, codeNoChange:
			return nil
		case codeNoInstance, codeNoResource:
			return registry.NotFound(registry.Address(record.Get("ip"), int(record.Port())), c.place(), nil)
		}
		return answer.Err()
	})
}

// Confirm reads back, from every server, what its clients get. Each has a cache of its own.
func (c *Client) Confirm(ctx context.Context, record registry.Spec) error {
	return registry.Everywhere(c.servers, func(server string) error {
		all, err := c.discover(ctx, server)
		if errors.Is(err, registry.ErrNoService) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, one := range all {
			if !one.out() && one.Host == record.Get("ip") && one.Port == int(record.Port()) {
				return registry.In(registry.Address(one.at()), server)
			}
		}
		return nil
	})
}
