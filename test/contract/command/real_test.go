//go:build registries

package command_test

import (
	"flag"
	"testing"

	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/test/registries"
)

var record = flag.Bool("record", false, "record the tape again")

// TestReal runs the commands against the real server, with an application using the official client.
func TestReal(t *testing.T) {
	servers := registries.ForTest(t, registries.Nacos2(registries.Nacos{}))
	app := registries.NacosClientForTest(t, registries.NacosApp{Version: registries.NacosClient24, Servers: servers.Addresses(), Service: "orders", Port: 7001})
	holds(t, contract.Live(t, tape, *record, servers.Addresses()...), world{
		start: func() error { return app.Register(t.Context()) },
		kill:  func() error { app.Kill(); return nil },
	})
}
