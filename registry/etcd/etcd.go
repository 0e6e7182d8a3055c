// Package etcd takes an instance out of etcd by deleting the key that it is registered by.
//
// A key says nothing but that the instance is there, so there is no other way, and nothing stays
// behind: the next instance puts its own. It deletes the revision of the key that it found, so that
// a key that was put again in between is never taken for the old one. An application on Kitex's
// library puts its key again within 30 s: registry.Leave takes it out once more. One on go-kratos
// does not, as long as its lease lives.
package etcd

import (
	"context"
	"fmt"
	"sync"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// Client is one service in one etcd.
type Client struct {
	spec    registry.Spec
	pod     registry.Pod
	layout  layout
	web     *web.Client
	members []string // base URLs

	mu    sync.Mutex
	token string
}

// New makes a client for the instance of a pod.
func New(spec registry.Spec, pod registry.Pod) (*Client, error) {
	if spec.Get("service") == "" {
		return nil, fmt.Errorf("registry etcd: no service is given: write service=")
	}
	layout, known := layouts[spec.Get("layout")]
	if !known {
		return nil, fmt.Errorf("registry %s: layout=%s: say what the application registers with: layout=kratos or layout=kitex", spec.Name(), spec.Get("layout"))
	}
	members, err := web.Bases(spec, "2379", "")
	if err != nil {
		return nil, err
	}
	c := &Client{spec: spec, pod: pod.Of(spec), layout: layout, members: members}
	c.web, err = web.New(spec)
	return c, err
}

// Close ends the idle connections.
func (c *Client) Close() { c.web.Close() }

// folder is the key below which the service's instances are. The prefix is taken as the
// libraries take it: one that ends with a slash is followed by a second one.
func (c *Client) folder() string {
	return c.spec.Or("prefix", c.layout.prefix) + "/" + c.spec.Get("service") + "/"
}

// Find looks the instance up. Its record is empty: there will be nothing to restore.
func (c *Client) Find(ctx context.Context) (registry.Found, error) {
	var own instance
	err := registry.Anywhere(c.members, func(member string) (err error) {
		own, err = c.find(ctx, member)
		return err
	})
	if err != nil {
		return registry.Found{}, err
	}
	return registry.Found{Detail: fmt.Sprintf("%s at %s", own.key, registry.Address(own.at(c.pod)))}, nil
}

func (c *Client) find(ctx context.Context, member string) (instance, error) {
	pairs, err := c.list(ctx, member, c.folder())
	if err != nil {
		return instance{}, err
	}
	var all []instance
	for _, pair := range pairs {
		if one, ok := c.layout.parse(pair, c.spec.Get("service")); ok {
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return instance{}, fmt.Errorf("%w: etcd has no instance of %s's below %s; are service=, layout= and prefix= right?", registry.ErrNoService, c.layout.name, c.folder())
	}
	return registry.Pick(c.pod, c.spec, c.folder(), all, func(one instance) (string, int) { return one.at(c.pod) })
}

// Withdraw deletes the instance's key, if it still is as it was found. A missing one needs no
// deleting.
func (c *Client) Withdraw(ctx context.Context, _ registry.Spec) error {
	return registry.Anywhere(c.members, func(member string) error {
		own, err := c.find(ctx, member)
		if registry.Gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return c.delete(ctx, member, own.pair)
	})
}

// Confirm reads the service from every member. A member answers with what the majority has, so one
// answer would do but for consumers that are connected to a member cut off from the others: such a
// member does not answer, and is named.
func (c *Client) Confirm(ctx context.Context, _ registry.Spec) error {
	return registry.Everywhere(c.members, func(member string) error {
		own, err := c.find(ctx, member)
		switch {
		case registry.Gone(err):
			return nil
		case err != nil:
			return err
		}
		return registry.In(own.key, member)
	})
}
