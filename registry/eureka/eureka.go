// Package eureka takes an instance out of Eureka by overriding its status.
//
// The override survives the instance's own heartbeats, and replicates to the peers. Deleting the
// instance would be of no use: its client is back within 25 s, without the override. It looks up
// and reads back through the views of a single instance, which are live; the lists are a cache of
// up to 30 s, which is part of how long consumers are stale.
package eureka

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// Client is one application in one Eureka. It keeps the peers whose caches it has seen without the
// withdrawal: only these can show it.
type Client struct {
	spec  registry.Spec
	pod   registry.Pod
	web   *web.Client
	peers []string // base URLs, as in http://eureka-0:8761/eureka

	mu  sync.Mutex
	old map[string]bool // the peers whose cache was seen without the withdrawal
}

// New makes a client for the instance of a pod.
func New(spec registry.Spec, pod registry.Pod) (*Client, error) {
	if spec.Get("service") == "" {
		return nil, fmt.Errorf("registry eureka: no application is given: write service=")
	}
	peers, err := web.Bases(spec, "8761", "/eureka")
	if err != nil {
		return nil, err
	}
	c := &Client{spec: spec, pod: pod.Of(spec), peers: peers, old: map[string]bool{}}
	c.web, err = web.New(spec)
	return c, err
}

// Close ends the idle connections.
func (c *Client) Close() { c.web.Close() }

// Find looks the instance up: by its id if that is known, else in the application's list and, since
// that shows new ones late, by the ids that Spring gives its instances by default.
func (c *Client) Find(ctx context.Context) (registry.Found, error) {
	var own instance
	err := registry.Anywhere(c.peers, func(peer string) (err error) {
		own, err = c.find(ctx, peer)
		return err
	})
	if err != nil {
		return registry.Found{}, err
	}
	ip, port := own.at()
	record := c.spec.With("id", own.id()).With("ip", ip).With("port", strconv.Itoa(port))
	return registry.Found{
		Record: record, Address: ip,
		Out:    own.out(),
		Detail: fmt.Sprintf("%s (%s), status %s", own.id(), registry.Address(ip, port), own.Status),
	}, nil
}

func (c *Client) find(ctx context.Context, peer string) (instance, error) {
	if id := c.spec.Get("id"); id != "" {
		return c.live(ctx, peer, id)
	}
	listed, err := c.listed(ctx, peer)
	if err == nil {
		return c.live(ctx, peer, listed.id())
	}
	if !errors.Is(err, registry.ErrNotFound) && !errors.Is(err, registry.ErrNoService) {
		return listed, err
	}
	for _, id := range c.usualIDs() {
		if own, liveErr := c.live(ctx, peer, id); liveErr == nil && c.pod.Has(own.IPAddr) {
			return own, nil
		}
	}
	return listed, err
}

// usualIDs are the ids by Spring's default, hostname:application:port, for the declared ports.
func (c *Client) usualIDs() []string {
	var hosts, ids []string
	if c.pod.Host != "" {
		hosts = append(hosts, c.pod.Host)
	}
	for _, ip := range c.pod.IPs {
		hosts = append(hosts, ip.String())
	}
	for _, host := range hosts {
		for _, port := range c.pod.Ports {
			ids = append(ids, fmt.Sprintf("%s:%s:%d", host, c.spec.Get("service"), port))
		}
	}
	return ids
}

// listed finds the instance in the application's list, which is cached.
func (c *Client) listed(ctx context.Context, peer string) (instance, error) {
	answer, err := c.call(ctx, http.MethodGet, peer+"/apps/"+url.PathEscape(c.spec.Get("service")))
	if err != nil {
		return instance{}, err
	}
	if answer.Status == http.StatusNotFound {
		return instance{}, fmt.Errorf("%w (a list of Eureka's is up to 30s old)", c.missing(answer))
	}
	all, err := parseApplication(answer)
	if err != nil {
		return instance{}, err
	}
	return registry.Pick(c.pod, c.spec, c.spec.Get("service"), all, instance.at)
}

func (c *Client) path(id string) string {
	return "/apps/" + url.PathEscape(c.spec.Get("service")) + "/" + url.PathEscape(id)
}

// live reads one instance, by the view that is not cached.
func (c *Client) live(ctx context.Context, peer, id string) (instance, error) {
	answer, err := c.call(ctx, http.MethodGet, peer+c.path(id))
	switch {
	case err != nil:
		return instance{}, err
	case answer.Status == http.StatusNotFound:
		return instance{}, c.absent(answer, id)
	}
	return parseInstance(answer)
}

// Withdraw overrides the status.
func (c *Client) Withdraw(ctx context.Context, record registry.Spec) error {
	return c.write(ctx, http.MethodPut, record.Get("id"), "OUT_OF_SERVICE")
}

// Restore takes the override away. An instance that ended by itself took it with it; one that was
// killed left it for the next one with its id.
func (c *Client) Restore(ctx context.Context, record registry.Spec) error {
	if record.Get("id") == "" {
		return fmt.Errorf("restoring %s: it needs the instance's id=", c.spec.Name())
	}
	err := c.write(ctx, http.MethodDelete, record.Get("id"), "UP") // without a value it would be UNKNOWN for up to 28 s
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	return err
}

func (c *Client) write(ctx context.Context, method, id, value string) error {
	return registry.Anywhere(c.peers, func(peer string) error {
		answer, err := c.call(ctx, method, peer+c.path(id)+"/status?value="+value)
		switch {
		case err != nil:
			return err
		case answer.Status == http.StatusNotFound:
			return c.absent(answer, id)
		case answer.Status != http.StatusOK:
			return answer.Err()
		}
		return nil
	})
}

// Confirm reads the instance back from every peer. A peer that does not have the instance at all
// sends nobody to it.
func (c *Client) Confirm(ctx context.Context, record registry.Spec) error {
	return registry.Everywhere(c.peers, func(peer string) error {
		own, err := c.live(ctx, peer, record.Get("id"))
		switch {
		case errors.Is(err, registry.ErrNotFound):
			return nil
		case err != nil:
			return err
		case !own.out():
			return registry.In(own.id(), peer)
		}
		return nil
	})
}

// Cached reads what consumers are given, the changes of the last three minutes, from every peer. A
// server renews all its answers together, every 30 s, but makes at once an answer that nobody has
// asked for yet. So only an answer that was seen without the change is known to have been renewed.
func (c *Client) Cached(ctx context.Context, record registry.Spec) error {
	return registry.Everywhere(c.peers, func(peer string) error {
		answer, err := c.call(ctx, http.MethodGet, peer+"/apps/delta")
		if err != nil {
			return err
		}
		changed, err := parseChanges(answer, record.Get("service"))
		if err != nil {
			return err
		}
		shown := slices.ContainsFunc(changed, func(one instance) bool { return one.id() == record.Get("id") && one.out() })
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case !shown:
			c.old[peer] = true
			return registry.In(record.Get("id"), answer.Where())
		case !c.old[peer]:
			return fmt.Errorf("%s: it is not known since when it shows %s as out", answer.Where(), record.Get("id"))
		}
		return nil
	})
}

// call makes one call with the user's name and password.
func (c *Client) call(ctx context.Context, method, address string) (web.Answer, error) {
	username, password, err := c.spec.Login()
	if err != nil {
		return web.Answer{}, err
	}
	header := web.Basic(username, password)
	header.Set("Accept", "application/json")
	answer, err := c.web.Do(ctx, web.Call{Method: method, URL: address, Header: header})
	if err != nil || answer.Status != http.StatusUnauthorized && answer.Status != http.StatusForbidden {
		return answer, err
	}
	remedy := "is the password right?"
	switch {
	case username == "":
		remedy = "give a user by username-env= and password-env="
	case method != http.MethodGet:
		remedy = "if show succeeds, the password is right, and the server's protection against forged requests (Spring Security's CSRF filter) refuses every write: switch it off for /eureka/**"
	}
	return answer, fmt.Errorf("%w: %s answered %d (%s)", registry.ErrDenied, answer.Where(), answer.Status, remedy)
}

func (c *Client) missing(answer web.Answer) error {
	if !fromEureka(answer) {
		return fmt.Errorf("not an answer of Eureka, is its path right? %w", answer.Err())
	}
	return registry.NoService(c.spec.Get("service"))
}

func (c *Client) absent(answer web.Answer, id string) error {
	if !fromEureka(answer) {
		return fmt.Errorf("not an answer of Eureka, is its path right? %w", answer.Err())
	}
	return registry.NotFound(id, c.spec.Get("service"), nil)
}
