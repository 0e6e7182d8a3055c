//go:build registries

package zookeeper

import (
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

// create writes a node that stays.
func (w writer) create(t *testing.T, path, data string, acls ...acl) {
	t.Helper()
	const persistent = 0
	w.createAs(t, persistent, path, data, acls)
}

// createOwn writes a node that ends with the session.
func (w writer) createOwn(t *testing.T, path, data string, acls ...acl) {
	t.Helper()
	const ephemeral = 1
	w.createAs(t, ephemeral, path, data, acls)
}

func (w writer) createAs(t *testing.T, mode int32, path, data string, acls []acl) {
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
	e.number(mode)
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

// stops sends requests for as long as consumers may go on, and wants the last seconds of them
// to be answered by others. None may be lost.
func stops(t *testing.T, consumer *registries.RunningApp, stale time.Duration) {
	t.Helper()
	last, err := consumer.LastTo(t.Context(), "own", stale)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the last request came to it after %.2f s", last.Seconds())
	if last > stale-time.Second {
		t.Error("the consumer has not stopped")
	}
}
