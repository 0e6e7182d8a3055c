//go:build registries && nightly

package nacos_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/nacos"
	"github.com/lameduck-dev/lameduck/registry/wire"
	"github.com/lameduck-dev/lameduck/test/registries"
)

// TestNodesDown has a real cluster of three lose a node, which costs only the proof, and then a
// second, which costs the withdrawal: each is reported in one line that names the node.
func TestNodesDown(t *testing.T) {
	servers := registries.ForTest(t, registries.Nacos2(registries.Nacos{Members: 3}))
	addresses := servers.Addresses()
	w := live(t, registries.NacosApp{Version: registries.NacosClient24, Servers: addresses[:1], Service: "orders"})
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	if err := consumer(w, true)(); err != nil {
		t.Fatal(err)
	}
	text := "nacos service=orders port=" + ownPort + " server=" + strings.Join(addresses, ",")
	c, spec := contract.Open[*nacos.Client](t, nacos.Kind, text), contract.Spec(t, nacos.Kind, text)

	servers.Nodes[2].Kill()
	got := leave(t, spec, c, 8*time.Second)
	last := got[len(got)-1]
	if !got.has(wire.Withdrawn) || last.Event != wire.Failed || !last.GivenUp || !strings.Contains(last.Detail, addresses[2]) {
		t.Errorf("one of three down: %+v", got)
	}
	if err := consumer(w, false)(); err != nil {
		t.Errorf("one of three down: %v", err)
	}

	servers.Nodes[1].Kill()
	record := spec.With("ip", "127.0.0.1").With("weight", "1").With("cluster", "DEFAULT").With("ephemeral", "true")
	err := c.Restore(t.Context(), record)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), addresses[0]) {
		t.Errorf("two of three down: %v", err)
	}
	t.Log(last.Detail)
	t.Log(err)
}

type events []wire.Event

func (all events) has(event string) bool {
	for _, e := range all {
		if e.Event == event {
			return true
		}
	}
	return false
}

// leave returns the events until the registry is given up or left.
func leave(t *testing.T, spec registry.Spec, c *nacos.Client, budget time.Duration) (all events) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	registry.Leave(ctx, spec, c, budget, func(e wire.Event) {
		all = append(all, e)
		if e.GivenUp || e.Event == wire.Out {
			cancel()
		}
	})
	return all
}
