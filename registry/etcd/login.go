package etcd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// login gives the token to send, good for every member; empty if no user is given, or if etcd has
// no users. old is one that is no longer accepted.
func (c *Client) login(ctx context.Context, member, old string) (string, error) {
	username, password, err := c.spec.Login()
	if err != nil || username == "" {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != old { // there is one, or another call has renewed it already
		return c.token, nil
	}
	answer, err := c.post(ctx, member+"/v3/auth/authenticate", "", map[string]string{"name": username, "password": password})
	if err != nil {
		return "", fmt.Errorf("logging in: %w", err)
	}
	switch said := says(answer); said.Code {
	case failedPrecondition: // authentication is not enabled: etcd's own client goes on, too
		return "", nil
	case invalidArgument:
		return "", fmt.Errorf("%w: logging in as %s: %s: %s (is the password right?)", registry.ErrDenied, username, answer.Where(), answer.Text())
	}
	got, err := parse(answer)
	if err == nil && got.Token == "" {
		err = fmt.Errorf("%s: answered without a token", answer.Where())
	}
	if err != nil {
		return "", fmt.Errorf("logging in as %s: %w", username, err)
	}
	c.token = got.Token
	return c.token, nil
}

// says reads what etcd says about a failed call; zero if the answer is not etcd's.
func says(answer web.Answer) (said failure) {
	if answer.Status < http.StatusBadRequest || json.Unmarshal(answer.Body, &said) != nil || !strings.HasPrefix(said.Message, "etcdserver: ") {
		return failure{}
	}
	return said
}

// expired reports whether another token would do: tokens end after five minutes without use
// (etcd's --auth-token-ttl), and when the users are changed.
func (f failure) expired() bool {
	return f.Code == unauthenticated || f.Code == invalidArgument &&
		(strings.HasSuffix(f.Message, "revision of auth store is old") || strings.HasSuffix(f.Message, "user name is empty"))
}

// remedy is what to do about a call that is not allowed; empty if something else is wrong.
func (f failure) remedy(withToken bool) string {
	switch {
	case f.Code == permissionDenied:
		return "its user may not read and write there: grant it both on the service's prefix"
	case f.expired() && withToken:
		return "it does not take the token that it has just given"
	case f.expired():
		return "give a user by username-env= and password-env=; a certificate's name does not count here"
	}
	return ""
}
