package polaris

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// The codes that an answer begins with its HTTP status (specification's api/v1/model/code.proto).
const (
	codeDone       = 200000
	codeNoChange   = 200002 // it is so already
	codeNoResource = 400202 // the service, of a discovery
	codeNoInstance = 400303
	codeNoAccess   = 401000 // and those of its class
)

// answer is what is read of any answer.
type said struct {
	Code      int        `json:"code"`
	Info      string     `json:"info"`
	Responses []said     `json:"responses"` // one for each instance that was written
	Instances []instance `json:"instances"`
}

// instance is what is read of one.
type instance struct {
	Host    string `json:"host"`
	Port    int    `json:"port"`
	Healthy *bool  `json:"healthy"`
	Isolate bool   `json:"isolate"`
}

func (i instance) at() (string, int) { return i.Host, i.Port }

// out reports whether clients leave it out for good: they may send to one that is not healthy
// when there is no other.
func (i instance) out() bool { return i.Isolate }

func (i instance) state() string {
	switch {
	case i.Isolate:
		return "isolated"
	case i.Healthy != nil && !*i.Healthy:
		return "not healthy"
	}
	return "healthy"
}

// update changes one instance: what it does not name stays.
type update struct {
	Service   string `json:"service"`
	Namespace string `json:"namespace"`
	Host      string `json:"host"`
	Port      int    `json:"port"`
	Isolate   bool   `json:"isolate"`
}

// instanceType is that of a discovery that asks for a service's instances.
const instanceType = 1

// discover are all of the service's instances, as clients get them.
func (c *Client) discover(ctx context.Context, server string) ([]instance, error) {
	answer, err := c.call(ctx, http.MethodPost, server+"/v1/Discover", map[string]any{
		"type":    instanceType,
		"service": map[string]string{"name": c.spec.Get("service"), "namespace": c.namespace()},
	})
	if err != nil {
		return nil, err
	}
	said, err := parse(answer)
	switch {
	case err != nil:
		return nil, err
	case said.Code == codeNoResource:
		return nil, registry.NoService(c.place())
	case said.Code != codeDone:
		return nil, answer.Err()
	}
	return said.Instances, nil
}

// parse reads an answer, whatever it says: Polaris gives one with every status.
func parse(answer web.Answer) (got said, err error) {
	if err := json.Unmarshal(answer.Body, &got); err != nil {
		return got, fmt.Errorf("not an answer of Polaris's (%w): %w", err, answer.Err())
	}
	if got.Code == 0 || got.Code/1000 != answer.Status {
		return got, fmt.Errorf("not an answer of Polaris's: %w", answer.Err())
	}
	return got, nil
}

// call makes one call with the token.
func (c *Client) call(ctx context.Context, method, address string, message any) (web.Answer, error) {
	token, err := c.spec.Secret("token")
	if err != nil {
		return web.Answer{}, err
	}
	body, err := json.Marshal(message)
	if err != nil {
		return web.Answer{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if token != "" {
		header.Set("X-Polaris-Token", token)
	}
	answer, err := c.web.Do(ctx, web.Call{Method: method, URL: address, Header: header, Body: string(body)})
	if err != nil || answer.Status != http.StatusUnauthorized && answer.Status != http.StatusForbidden {
		return answer, err
	}
	remedy := "is the token right, and may its user write this service?"
	if token == "" {
		remedy = "give a token by token-env= or token-file=: Polaris's console, which isolates, wants one by default"
	}
	if said, err := parse(answer); err == nil && said.Code/1000*1000 == codeNoAccess {
		return answer, fmt.Errorf("%w: %s answered %d: %s (%s)", registry.ErrDenied, answer.Where(), said.Code, said.Info, remedy)
	}
	return answer, fmt.Errorf("%w: %s answered %d: %s (%s)", registry.ErrDenied, answer.Where(), answer.Status, answer.Text(), remedy)
}
