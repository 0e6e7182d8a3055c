// Package actuator takes an instance out of its registry by asking the application: by Spring
// Boot's endpoint serviceregistry, in the pod itself.
//
// Spring Cloud passes the status on to whatever registry it has. Each has its own words, and
// answers 200 even to those that it does not know, so the status is read back. It needs no address
// and no password of the registry. But only the application's own client is asked: one server of
// several. And what the withdrawal leaves behind in the registry can't be cleared once the
// application has gone, so there is no record. Where the servers can be reached, their own kinds
// are better.
package actuator

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// Where the endpoint is, unless Spring's settings say otherwise.
const (
	DefaultServer  = "127.0.0.1:8080"
	defaultContext = "/actuator"
)

// backend is what Spring Cloud's client of one registry takes and says.
type backend struct {
	out, in string
	// isOut reports whether consumers are not sent to an instance of this status.
	isOut func(status string) bool
}

func notUp(status string) bool { return status != "UP" }

var backends = map[string]backend{
	// The override is cancelled, and not overridden by UP, which would stay. The status is UP
	// again at the next heartbeat.
	"eureka": {"OUT_OF_SERVICE", "CANCEL_OVERRIDE", notUp},
	// It does not find a disabled instance: the answer is empty.
	"nacos":     {"DOWN", "UP", notUp},
	"consul":    {"OUT_OF_SERVICE", "UP", notUp},
	"zookeeper": {"OUT_OF_SERVICE", "UP", notUp},
}

// Client is the endpoint of one application.
type Client struct {
	spec registry.Spec
	web  *web.Client
	url  string // of the endpoint
}

// New makes a client for the application behind an actuator, which answers for itself whatever the pod.
func New(spec registry.Spec, _ registry.Pod) (*Client, error) {
	if name := spec.Get("backend"); name != "" && backends[name].out == "" {
		return nil, fmt.Errorf("registry %s: backend=%s: there are %s", spec.Name(), name, strings.Join(slices.Sorted(maps.Keys(backends)), ", "))
	}
	context := "/" + strings.Trim(spec.Or("context", defaultContext), "/")
	bases, err := web.Bases(spec.With("server", spec.Or("server", DefaultServer)), "8080", context)
	if err != nil {
		return nil, err
	}
	if len(bases) > 1 {
		return nil, fmt.Errorf("registry %s: one server is the application's actuator, %d are given", spec.Name(), len(bases))
	}
	client, err := web.New(spec)
	return &Client{spec: spec, web: client, url: strings.TrimRight(bases[0], "/") + "/serviceregistry"}, err
}

// Close ends the idle connections.
func (c *Client) Close() { c.web.Close() }

// Find asks for the status that the application's registry has.
func (c *Client) Find(ctx context.Context) (registry.Found, error) {
	status, name, err := c.look(ctx)
	if err != nil {
		return registry.Found{}, err
	}
	said := status
	if said == "" {
		said = "none: disabled or not registered"
	}
	return registry.Found{Out: backends[name].isOut(status), Detail: fmt.Sprintf("status %s in %s, by %s", said, name, c.url)}, nil
}

// Withdraw has the application set its status. One that is out is left alone: in Nacos, a status
// that is set for a missing instance would apply to the next one.
func (c *Client) Withdraw(ctx context.Context, _ registry.Spec) error {
	status, name, err := c.look(ctx)
	if err != nil || backends[name].isOut(status) {
		return err
	}
	return c.set(ctx, backends[name].out)
}

// Confirm is nil if the application's registry tells it that it is out.
func (c *Client) Confirm(ctx context.Context, _ registry.Spec) error {
	status, name, err := c.look(ctx)
	if err == nil && !backends[name].isOut(status) {
		err = registry.In("status "+status, c.url)
	}
	return err
}

// Restore has the application put itself in again. Once it has ended, a trace that it left can be
// cleared through the next application at its address.
func (c *Client) Restore(ctx context.Context, _ registry.Spec) error {
	_, name, err := c.look(ctx)
	if err != nil {
		return err
	}
	return c.set(ctx, backends[name].in)
}

// look gives the status, and the backend whose words it uses.
func (c *Client) look(ctx context.Context) (status, name string, err error) {
	answer, err := c.call(ctx, http.MethodGet, "")
	if err != nil {
		return "", "", err
	}
	status, only, err := parseStatus(answer)
	if err != nil {
		return "", "", err
	}
	switch name = c.spec.Get("backend"); {
	case name == "" && only == "":
		return "", "", fmt.Errorf("%s does not tell which registry it is for: give backend=nacos, consul or zookeeper", c.url)
	case name == "":
		return status, only, nil
	case only != "" && only != name, name == "eureka" && only != name:
		return "", "", fmt.Errorf("backend=%s is wrong: its client does not answer so: %w", name, answer.Err())
	}
	return status, name, nil
}

func (c *Client) set(ctx context.Context, status string) error {
	body, err := json.Marshal(map[string]string{"status": status})
	if err != nil {
		return err
	}
	_, err = c.call(ctx, http.MethodPost, string(body))
	return err
}

func (c *Client) call(ctx context.Context, method, body string) (web.Answer, error) {
	username, password, err := c.spec.Login()
	if err != nil {
		return web.Answer{}, err
	}
	header := web.Basic(username, password)
	header.Set("Accept", "application/json, text/plain, */*")
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	answer, err := c.web.Do(ctx, web.Call{Method: method, URL: c.url, Header: header, Body: body})
	if err != nil {
		return answer, err
	}
	switch answer.Status {
	case http.StatusOK, http.StatusNoContent:
		return answer, nil
	case http.StatusNotFound:
		return answer, fmt.Errorf("the endpoint is not there: set management.endpoints.web.exposure.include=serviceregistry (a list, with what it has already), or server= and context= to where the actuator is: %w", answer.Err())
	case http.StatusUnauthorized, http.StatusForbidden:
		return answer, fmt.Errorf("%w: %s answered %d (%s)", registry.ErrDenied, answer.Where(), answer.Status, remedy(username, method))
	case http.StatusInternalServerError:
		return answer, fmt.Errorf("the application is not registered, or does not reach its registry: %w", answer.Err())
	}
	return answer, answer.Err()
}

func remedy(username, method string) string {
	switch {
	case username == "":
		return "give a user by username-env= and password-env="
	case method == http.MethodPost:
		return "if show succeeds, the password is right, and the protection against forged requests (Spring Security's CSRF filter) refuses every write: switch it off for the actuator's paths"
	}
	return "is the password right?"
}
