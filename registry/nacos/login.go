package nacos

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// token is what a login gave, good for every node of the cluster.
type token struct {
	text  string
	until time.Time
}

// login gives the access token to send; empty if no credentials are given. Each is used for nine
// tenths of its life, or until a server refuses it: then anew is set.
func (c *Client) login(ctx context.Context, server string, anew bool) (string, error) {
	username, password, err := c.spec.Login()
	if err != nil {
		return "", err
	}
	if username == "" {
		return c.spec.Secret("token")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !anew && c.token.text != "" && time.Now().Before(c.token.until) {
		return c.token.text, nil
	}
	c.token = token{}
	answer, err := c.web.Do(ctx, web.Call{
		Method: http.MethodPost,
		URL:    server + c.api.loginPath(),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Body:   url.Values{"username": {username}, "password": {password}}.Encode(),
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("logging in: %w", err)
	case answer.Status == http.StatusInternalServerError:
		return "", fmt.Errorf("logging in as %s: %s: answered 500: %s (Nacos may say so of a wrong user or password, too)", username, answer.Where(), serverError(answer))
	case answer.Status >= 400 && answer.Status < 500:
		return "", fmt.Errorf("%w: logging in as %s: %s: %s (is the password right?)", registry.ErrDenied, username, answer.Where(), serverError(answer))
	}
	in, err := decode[loggedIn](answer)
	if err == nil && in.AccessToken == "" {
		err = answer.Err()
	}
	if err != nil {
		return "", fmt.Errorf("logging in as %s: %w", username, err)
	}
	c.token = token{text: in.AccessToken, until: time.Now().Add(in.lifetime() * 9 / 10)}
	return c.token.text, nil
}

// canRenew reports whether a refused token can be replaced.
func (c *Client) canRenew() bool {
	username, err := c.spec.Secret("username")
	return err == nil && username != ""
}
