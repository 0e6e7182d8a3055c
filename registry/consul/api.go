package consul

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// instance is what is read of an instance, from an agent or from the catalog, which alone names the
// node.
type instance struct {
	Node struct {
		Node    string
		Address string
	}
	Service struct {
		ID      string
		Address string
		Port    int
	}
	AggregatedStatus string
	Checks           []struct {
		CheckID string
		Status  string
	}
}

// at is where consumers reach it: at its own address, or else at its node's. The pod's name
// stands for the pod.
func (i instance) at(c *Client) (string, int) {
	address := i.Service.Address
	switch {
	case address == "":
		address = i.Node.Address
	case address == c.host && len(c.pod.IPs) > 0:
		address = c.pod.IPs[0].String()
	}
	return address, i.Service.Port
}

// mayBe reports whether its address, if it has one, is the pod's: ids are local to an agent, and at
// another agent the same id is another instance.
func (i instance) mayBe(c *Client) bool {
	address, _ := i.at(c)
	_, err := netip.ParseAddr(address)
	return err != nil || i.Service.Address == "" || len(c.pod.IPs) == 0 || c.pod.Has(address)
}

// maintained reports whether it is in maintenance, whoever put it there.
func (i instance) maintained() bool {
	return slices.ContainsFunc(i.Checks, func(check struct{ CheckID, Status string }) bool {
		return check.CheckID == "_service_maintenance:"+i.Service.ID
	})
}

func (i instance) status() string {
	if i.AggregatedStatus == "" {
		return "its state not known"
	}
	return i.AggregatedStatus
}

// local are the service's instances that are registered at an agent, in whatever state; the
// answer's own status is that of the worst.
func (c *Client) local(ctx context.Context, agent string) ([]instance, error) {
	answer, err := c.call(ctx, http.MethodGet, agent+"/v1/agent/health/service/name/"+url.PathEscape(c.spec.Get("service")))
	if err != nil {
		return nil, err
	}
	return c.parse(answer, http.StatusOK, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusNotFound)
}

// catalog are the service's instances as consumers are given them; the leader is asked, and has
// made sure that it is one.
func (c *Client) catalog(ctx context.Context, agent string, passing bool) ([]instance, error) {
	query := "?consistent"
	if passing {
		query += "&passing"
	}
	answer, err := c.call(ctx, http.MethodGet, agent+"/v1/health/service/"+url.PathEscape(c.spec.Get("service"))+query)
	if err != nil {
		return nil, err
	}
	return c.parse(answer, http.StatusOK)
}

func (c *Client) parse(answer web.Answer, statuses ...int) ([]instance, error) {
	if !slices.Contains(statuses, answer.Status) {
		return nil, answer.Err()
	}
	var all []instance
	if err := json.Unmarshal(answer.Body, &all); err != nil {
		return nil, fmt.Errorf("not an answer of Consul's (%w): %w", err, answer.Err())
	}
	if all == nil {
		return nil, fmt.Errorf("not an answer of Consul's: %w", answer.Err())
	}
	for _, one := range all {
		if one.Service.ID == "" {
			return nil, fmt.Errorf("not an answer of Consul's, an instance without an id: %w", answer.Err())
		}
	}
	if len(all) == 0 && answer.Header.Get("X-Consul-Results-Filtered-By-ACLs") == "true" {
		return nil, fmt.Errorf("%w: %s: answered that there are instances that this token may not see (grant it service:read and node:read, and service:write)", registry.ErrDenied, answer.Where())
	}
	return all, nil
}

// call makes one call with the token.
func (c *Client) call(ctx context.Context, method, address string) (web.Answer, error) {
	token, err := c.spec.Secret("token")
	if err != nil {
		return web.Answer{}, err
	}
	header := http.Header{}
	if token != "" {
		header.Set("X-Consul-Token", token)
	}
	answer, err := c.web.Do(ctx, web.Call{Method: method, URL: address, Header: header})
	if err != nil || answer.Status != http.StatusUnauthorized && answer.Status != http.StatusForbidden {
		return answer, err
	}
	remedy := "is the token right, and has it service:write?"
	if token == "" {
		remedy = "give a token with service:write by token-env= or token-file="
	}
	return answer, fmt.Errorf("%w: %s answered %d: %s (%s)", registry.ErrDenied, answer.Where(), answer.Status, answer.Text(), remedy)
}
