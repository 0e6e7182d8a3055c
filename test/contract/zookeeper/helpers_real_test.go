//go:build registries

package zookeeper_test

import (
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/zookeeper"
	"github.com/lameduck-dev/lameduck/test/registries"
)

// client is the client of a pod that has all of this machine's addresses.
func client(t testing.TB, text string) *zookeeper.Client {
	t.Helper()
	ips, err := registry.OwnIPs()
	if err != nil {
		t.Fatal(err)
	}
	return contract.OpenFor[*zookeeper.Client](t, zookeeper.Kind, text, registry.Pod{Host: contract.Host, IPs: append(ips, contract.Loopback)})
}

var anyone = zk.WorldACL(zk.PermAll)

// writer writes nodes as applications do, with a client that is not ours.
type writer struct{ *zk.Conn }

func newWriter(t *testing.T, server string) writer {
	t.Helper()
	conn, _, err := zk.Connect([]string{server}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return writer{conn}
}

// create writes a persistent node.
func (w writer) create(t *testing.T, path, data string, acls []zk.ACL) {
	t.Helper()
	w.createAs(t, 0, path, data, acls)
}

// createOwn writes an ephemeral node.
func (w writer) createOwn(t *testing.T, path, data string, acls []zk.ACL) {
	t.Helper()
	w.createAs(t, zk.FlagEphemeral, path, data, acls)
}

func (w writer) createAs(t *testing.T, flags int32, path, data string, acls []zk.ACL) {
	t.Helper()
	if _, err := w.Create(path, []byte(data), flags, acls); err != nil {
		t.Errorf("creating %s: %v", path, err)
	}
}

// owned returns the ephemeral nodes below a path that name an application's port, with their data.
func (w writer) owned(t *testing.T, from string, port int) map[string]string {
	t.Helper()
	all := map[string]string{}
	data, stat, err := w.Get(from)
	if err != nil {
		t.Fatalf("reading %s: %v", from, err)
	}
	if stat.EphemeralOwner != 0 && strings.Contains(from+string(data), strconv.Itoa(port)) {
		all[from] = string(data)
	}
	names, _, err := w.Children(from)
	if err != nil {
		t.Fatalf("reading %s: %v", from, err)
	}
	for _, name := range names {
		for at, holds := range w.owned(t, path.Join(from, name), port) {
			all[at] = holds
		}
	}
	return all
}

// consumerStops sends requests for as long as consumers may go on, and fails the test unless others
// answer those of the last second. None may be lost.
func consumerStops(t *testing.T, consumer *registries.RunningApp, stale time.Duration) {
	t.Helper()
	last, err := consumer.LastTo(t.Context(), "own", stale)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("its last request came after %.2f s", last.Seconds())
	if last > stale-time.Second {
		t.Error("the consumer has not stopped")
	}
}
