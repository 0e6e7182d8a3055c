// Package dubbo takes a Dubbo application out of its registries by asking the application: by
// QoS, its command port, in the pod itself.
//
// The application forgets that it is registered, so a lost session or a restarted registry does not
// bring it back, as they do when its nodes are deleted; and it leaves all of its registries at
// once, whatever they are. QoS tells what the application has done, not what the registry shows;
// the registry followed within a second.
//
// It affects the process alone. Nothing is left behind once the process has ended, so there is no
// record.
package dubbo

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// DefaultServer is where QoS listens unless dubbo.application.qos-port says otherwise.
const DefaultServer = "127.0.0.1:22222"

// Client is the Dubbo application of one pod.
type Client struct {
	web  *web.Client
	base string // as in http://127.0.0.1:22222
}

// New makes a client for the application behind a QoS port, which answers for itself whatever the pod.
func New(spec registry.Spec, _ registry.Pod) (*Client, error) {
	bases, err := web.Bases(spec.With("server", spec.Or("server", DefaultServer)), "22222", "")
	if err != nil {
		return nil, err
	}
	if len(bases) > 1 {
		return nil, fmt.Errorf("registry %s: one server is the application's QoS, %d are given", spec.Name(), len(bases))
	}
	client, err := web.New(spec)
	return &Client{web: client, base: bases[0]}, err
}

// Close ends the idle connections.
func (c *Client) Close() { c.web.Close() }

// Find asks the application what it has registered.
func (c *Client) Find(ctx context.Context) (registry.Found, error) {
	all, err := c.list(ctx)
	if err != nil {
		return registry.Found{}, err
	}
	in, there := all.in(), all.registered()
	if len(there) == 0 {
		return registry.Found{}, fmt.Errorf("%w: %s: the application has no service in a registry", registry.ErrNotFound, c.base)
	}
	detail := fmt.Sprintf("%d of %d services registered, by QoS at %s", len(in), len(there), c.base)
	return registry.Found{Out: len(in) == 0, Detail: detail}, nil
}

// Withdraw has the application take all of its services out. A second time changes nothing.
func (c *Client) Withdraw(ctx context.Context, _ registry.Spec) error {
	return c.order(ctx, "offline")
}

// Restore has the application register all of its services again.
func (c *Client) Restore(ctx context.Context, _ registry.Spec) error {
	return c.order(ctx, "online")
}

// Confirm is nil if the application considers none of its services registered.
func (c *Client) Confirm(ctx context.Context, _ registry.Spec) error {
	all, err := c.list(ctx)
	if err != nil {
		return err
	}
	if in := all.in(); len(in) > 0 {
		return registry.In(in[0].name, c.base)
	}
	return nil
}

// order gives a command that changes something. The body says whether it did: a command for
// services that are not there is answered 200 too.
func (c *Client) order(ctx context.Context, command string) error {
	answer, err := c.call(ctx, command)
	if err != nil {
		return err
	}
	switch strings.TrimSpace(string(answer.Body)) {
	case "OK":
		return nil
	case "service not found":
		return fmt.Errorf("%w: %s: the application provides no service", registry.ErrNotFound, answer.Where())
	}
	return fmt.Errorf("not an answer of Dubbo's QoS: %w", answer.Err())
}

func (c *Client) list(ctx context.Context) (services, error) {
	answer, err := c.call(ctx, "ls")
	if err != nil {
		return nil, err
	}
	all, err := parseList(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("not an answer of Dubbo's QoS (%w): %w", err, answer.Err())
	}
	return all, nil
}

// remedy is for a QoS that is closed or elsewhere. Version 2.7 closes the connection of strangers;
// version 3 answers them 403.
const remedy = "Dubbo's QoS can't be reached, which answers 127.0.0.1 only: set dubbo.application.qos-enable=true, and server= to its dubbo.application.qos-port; or use kind zookeeper or nacos, which needs no QoS"

func (c *Client) call(ctx context.Context, command string) (web.Answer, error) {
	answer, err := c.web.Do(ctx, web.Call{Method: http.MethodGet, URL: c.base + "/" + command})
	switch {
	case err != nil && ctx.Err() != nil:
		return answer, err
	case err != nil:
		return answer, fmt.Errorf("%w (%s)", err, remedy)
	case answer.Status == http.StatusForbidden:
		return answer, fmt.Errorf("%w: %s answered 403: QoS answers 127.0.0.1 only: write that as server= (or set dubbo.application.qos-accept-foreign-ip=true)", registry.ErrDenied, answer.Where())
	case answer.Status == http.StatusNotFound:
		return answer, fmt.Errorf("no QoS of Dubbo's, or one that does not know the command: %w", answer.Err())
	case answer.Status != http.StatusOK:
		return answer, answer.Err()
	}
	return answer, nil
}
