//go:build registries

package zookeeper

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/test/registries"
)

// acl is what a node's access list has of one user.
type acl struct {
	permissions int32
	scheme, id  string
}

var anyone = acl{31, "world", "anyone"}

// writer writes nodes as applications do.
type writer struct{ *session }

func session0(t *testing.T, c *Client) writer {
	t.Helper()
	s, err := c.dial(t.Context(), c.servers[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return writer{s}
}

func (w writer) create(t *testing.T, path, data string, acls ...acl) {
	t.Helper()
	var e encoder
	e.text(path)
	e.text(data)
	e.number(int32(len(acls)))
	for _, one := range acls {
		e.number(one.permissions)
		e.text(one.scheme)
		e.text(one.id)
	}
	e.number(0) // it stays
	const opCreate = 1
	if _, err := w.call(t.Context(), opCreate, e.out); err != nil {
		t.Errorf("creating %s: %v", path, err)
	}
}

func (w writer) login(t *testing.T, user, password string) {
	t.Helper()
	var e encoder
	e.number(0)
	e.text("digest")
	e.text(user + ":" + password)
	if _, err := w.exchange(t.Context(), xidAuth, opSetAuth, e.out); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, within time.Duration, ask func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

type consumer struct{ app *registries.RunningApp }

// stops sends requests for as long as consumers may go on, and wants the last seconds of them
// to be answered by others. None may be lost.
func (c consumer) stops(t *testing.T, stale time.Duration) {
	t.Helper()
	start, last, count := time.Now(), time.Duration(0), 0
	for time.Since(start) < stale {
		sends, err := c.sendsToOwn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if count++; sends {
			last = time.Since(start)
		}
	}
	t.Logf("the last of some %d requests came to it after %.2f s", count*requests, last.Seconds())
	if last > stale-time.Second {
		t.Error("the consumer has not stopped")
	}
}

const requests = 6

// sendsToOwn passes some requests on and reports whether one was answered by the pod itself.
func (c consumer) sendsToOwn(ctx context.Context) (sends bool, err error) {
	for range requests {
		pod, err := c.pass(ctx)
		if err != nil {
			return false, err
		}
		sends = sends || pod == "own"
	}
	return sends, nil
}

func (c consumer) pass(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.app.Address()+"/", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("X-Request-Id", "r")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	var answer struct{ Pod string }
	if err == nil && (response.StatusCode != http.StatusOK || json.Unmarshal(body, &answer) != nil) {
		err = fmt.Errorf("a request was answered %s: %s", response.Status, body)
	}
	return answer.Pod, err
}
