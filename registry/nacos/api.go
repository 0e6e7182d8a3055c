package nacos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// api is what differs between the versions.
type api interface {
	loginPath() string
	serviceName(*Client) string
	// instances are all of a service's, the disabled ones included.
	instances(ctx context.Context, c *Client, server string) ([]instance, error)
	// given is what consumers get of a service.
	given(ctx context.Context, c *Client, server string) ([]instance, error)
	members(ctx context.Context, c *Client, server string) ([]member, error)
	// patch changes an existing instance, and is refused for a missing one.
	patch(ctx context.Context, c *Client, server string, values url.Values) error
	// put changes what is known about an address, whether an instance is there or not.
	put(ctx context.Context, c *Client, server string, values url.Values) error
}

// choose asks a server which API it has. 3.x answers most of v1 by 410, 1.x and 2.x answer all
// of v3 by 404. This path takes no credentials in any version.
func (c *Client) choose(ctx context.Context, server string) (api, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.api != nil {
		return c.api, nil
	}
	answer, err := c.web.Do(ctx, web.Call{Method: http.MethodGet, URL: server + "/v3/admin/core/state/liveness"})
	if err != nil {
		return nil, err
	}
	box := envelope[any]{}
	switch {
	case json.Unmarshal(answer.Body, &box) == nil && box.Code != nil:
		c.api = v3{}
	case answer.Status >= 400 && answer.Status < 500, answer.Status == http.StatusNotImplemented:
		c.api = v1{}
	default:
		return nil, fmt.Errorf("not an answer of Nacos: %w", answer.Err())
	}
	return c.api, nil
}

// call makes one call with the present credentials, and a second one with new ones if they have
// expired.
func (c *Client) call(ctx context.Context, server, method, path string, values url.Values) (web.Answer, error) {
	for again := false; ; again = true {
		bearer, err := c.login(ctx, server, again)
		if err != nil {
			return web.Answer{}, err
		}
		call := web.Call{Method: method, URL: server + path, Header: http.Header{}}
		if bearer != "" { // understood by every version, which the header accessToken is not
			call.Header.Set("Authorization", "Bearer "+bearer)
		}
		if method == http.MethodGet {
			call.URL += "?" + values.Encode()
		} else {
			call.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			call.Body = values.Encode()
		}
		answer, err := c.web.Do(ctx, call)
		if err != nil || answer.Status != http.StatusForbidden && answer.Status != http.StatusUnauthorized {
			return answer, err
		}
		if again || !c.canRenew() {
			return answer, c.denied(answer, bearer)
		}
	}
}

func (c *Client) denied(answer web.Answer, bearer string) error {
	remedy := "the user has no permission for " + c.place()
	if bearer == "" {
		remedy = "give a user by username-env= and password-env="
		if _, is := c.api.(v3); is {
			remedy = "Nacos 3 takes a user here even where auth is off: " + remedy
		}
	}
	return fmt.Errorf("%w: %s: %s (%s)", registry.ErrDenied, answer.Where(), serverError(answer), remedy)
}

// missing reads a 404: the service, the instance or the whole API is missing.
func (c *Client) missing(answer web.Answer) error {
	text := answer.Text()
	switch {
	case strings.Contains(text, "service not found"), strings.Contains(text, "is not found") && strings.Contains(text, "ervi"):
		return registry.NoService(c.place())
	case strings.Contains(text, "no matched ip found"), strings.Contains(text, "no ips found"), strings.Contains(text, "instance not found"):
		return fmt.Errorf("%w: %s has it no more", registry.ErrNotFound, c.place())
	}
	return answer.Err()
}

// v1 is the API of 1.x and 2.x. (2.x's v2 can do no more.)
type v1 struct{}

func (v1) loginPath() string { return "/v1/auth/login" }

func (v1) serviceName(c *Client) string { return c.group() + "@@" + c.spec.Get("service") }

func (v1) given(ctx context.Context, c *Client, server string) ([]instance, error) {
	answer, err := c.call(ctx, server, http.MethodGet, "/v1/ns/instance/list", c.service(v1{}))
	if err != nil {
		return nil, err
	}
	list, err := decode[given](answer)
	if err == nil && (answer.Status != http.StatusOK || list.Hosts == nil) {
		err = answer.Err()
	}
	if err != nil {
		return nil, err
	}
	return *list.Hosts, nil
}

// maxPage is how many instances are asked for at once, and maxPages how often: with 100,000
// instances of one service, something else is wrong.
const (
	maxPage  = 1000
	maxPages = 100
)

// instances asks the list for administrators, cluster by cluster: disabled instances are in no other.
func (v1) instances(ctx context.Context, c *Client, server string) ([]instance, error) {
	clusters := []string{c.spec.Get("cluster")}
	if clusters[0] == "" {
		var err error
		if clusters, err = c.clusters(ctx, server); err != nil {
			return nil, err
		}
	}
	var all []instance
	for _, cluster := range clusters {
		for number := 1; ; number++ {
			list, err := c.page(ctx, server, cluster, number)
			if err != nil {
				return nil, err
			}
			all = append(all, *list.List...)
			if len(*list.List) < maxPage || number*maxPage >= list.Count {
				break
			}
			if number == maxPages {
				return nil, fmt.Errorf("%s has more than %d instances", c.place(), maxPage*maxPages)
			}
		}
	}
	return all, nil
}

func (c *Client) clusters(ctx context.Context, server string) ([]string, error) {
	answer, err := c.call(ctx, server, http.MethodGet, "/v1/ns/catalog/service", c.service(v1{}))
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, c.missing(answer)
	}
	known, err := decode[catalog](answer)
	if err == nil && known.Clusters == nil {
		err = answer.Err()
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, cluster := range *known.Clusters {
		names = append(names, cluster.Name)
	}
	return names, nil
}

func (c *Client) page(ctx context.Context, server, cluster string, number int) (page, error) {
	values := c.service(v1{})
	values.Set("clusterName", cluster)
	values.Set("pageNo", strconv.Itoa(number))
	values.Set("pageSize", strconv.Itoa(maxPage))
	answer, err := c.call(ctx, server, http.MethodGet, "/v1/ns/catalog/instances", values)
	if err != nil {
		return page{}, err
	}
	if answer.Status != http.StatusOK {
		return page{}, c.missing(answer)
	}
	list, err := decode[page](answer)
	if err == nil && list.List == nil {
		err = answer.Err()
	}
	return list, err
}

func (v1) members(ctx context.Context, c *Client, server string) ([]member, error) {
	return c.members(ctx, server, "/v1/core/cluster/nodes")
}

func (c *Client) members(ctx context.Context, server, path string) ([]member, error) {
	answer, err := c.call(ctx, server, http.MethodGet, path, url.Values{})
	if err != nil {
		return nil, err
	}
	return data[[]member](answer)
}

func (v1) patch(ctx context.Context, c *Client, server string, values url.Values) error {
	return v1{}.write(ctx, c, server, http.MethodPatch, values)
}

func (v1) put(ctx context.Context, c *Client, server string, values url.Values) error {
	return v1{}.write(ctx, c, server, http.MethodPut, values)
}

func (v1) write(ctx context.Context, c *Client, server, method string, values url.Values) error {
	answer, err := c.call(ctx, server, method, "/v1/ns/instance", values)
	switch {
	case err != nil:
		return err
	case answer.Status == http.StatusOK && answer.Text() == "ok":
		return nil
	}
	return c.missing(answer)
}

// v3 is the API of 3.x.
type v3 struct{}

func (v3) loginPath() string { return "/v3/auth/user/login" }

func (v3) serviceName(c *Client) string { return c.spec.Get("service") }

func (v3) given(ctx context.Context, c *Client, server string) ([]instance, error) {
	return c.list(ctx, server, "/v3/client/ns/instance/list")
}

func (v3) instances(ctx context.Context, c *Client, server string) ([]instance, error) {
	return c.list(ctx, server, "/v3/admin/ns/instance/list")
}

func (c *Client) list(ctx context.Context, server, path string) ([]instance, error) {
	values := c.service(v3{})
	if cluster := c.spec.Get("cluster"); cluster != "" {
		values.Set("clusterName", cluster)
	}
	answer, err := c.call(ctx, server, http.MethodGet, path, values)
	if err != nil {
		return nil, err
	}
	if answer.Status == http.StatusNotFound {
		return nil, c.missing(answer)
	}
	return data[[]instance](answer)
}

func (v3) members(ctx context.Context, c *Client, server string) ([]member, error) {
	return c.members(ctx, server, "/v3/admin/core/cluster/node/list")
}

func (v3) patch(ctx context.Context, c *Client, server string, values url.Values) error {
	return v3{}.write(ctx, c, server, "/v3/admin/ns/instance/partial", values)
}

func (v3) put(ctx context.Context, c *Client, server string, values url.Values) error {
	return v3{}.write(ctx, c, server, "/v3/admin/ns/instance", values)
}

func (v3) write(ctx context.Context, c *Client, server, path string, values url.Values) error {
	answer, err := c.call(ctx, server, http.MethodPut, path, values)
	if err != nil {
		return err
	}
	done, err := data[string](answer)
	if err == nil && done != "ok" {
		err = answer.Err()
	}
	if err != nil && answer.Status != http.StatusOK {
		return c.missing(answer)
	}
	return err
}
