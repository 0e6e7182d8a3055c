package registries

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/lameduck-dev/lameduck/test/build"
)

// ConsulServer says how Consul is set up.
type ConsulServer struct {
	Agents int // 0: 1. The first is also the server; the others are clients of it.
	// ACL denies everything to callers without a token. ConsulToken may do what Rules say: by default,
	// write services whose name begins with orders, and read.
	ACL   bool
	Rules string
}

// The tokens of servers with ACL.
const (
	ConsulToken = "0b7bb6d6-6f0f-4e1d-a8d8-5f7c66b6b1d1"
	consulRoot  = "0b7bb6d6-6f0f-4e1d-a8d8-5f7c66b6b1d2"
	consulACL   = `acl { enabled = true default_policy = "deny" tokens { initial_management = "` + consulRoot + `" agent = "` + consulRoot + `" } }`
	consulRules = `service_prefix "orders" { policy = "write" } service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }`
)

// Consul is Consul 1.16.3, of the last line under the Mozilla licence.
func Consul(options ConsulServer) Plan {
	plan := Plan{name: "consul", program: build.Program{
		Name: "consul", Root: here, Sources: []string{"consul"},
		Command: func(out string) []string {
			return []string{"go", "build", "-C", "consul", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(out, "consul"), "github.com/hashicorp/consul"}
		},
	}}
	lan := freePort()
	for i := range max(1, options.Agents) {
		n := node{host: "127.0.0.1", port: freePort(), ready: hasLeader}
		role := []string{"-dev", "-server-port", fmt.Sprint(freePort()), "-serf-wan-port", fmt.Sprint(freePort()), "-serf-lan-port", fmt.Sprint(lan)}
		if i > 0 {
			role = []string{"-retry-join", fmt.Sprintf("127.0.0.1:%d", lan), "-retry-interval", "1s", "-serf-lan-port", fmt.Sprint(freePort())}
		}
		n.args = func(built, dir string) []string {
			args := append([]string{filepath.Join(built, "consul"), "agent", "-node", fmt.Sprintf("node-%d", i), "-bind", n.host, "-client", n.host,
				"-http-port", fmt.Sprint(n.port), "-grpc-port", "-1", "-grpc-tls-port", "-1", "-dns-port", "-1", "-data-dir", filepath.Join(dir, "data")}, role...)
			if options.ACL {
				args = append(args, "-hcl", consulACL)
			}
			return args
		}
		plan.nodes = append(plan.nodes, n)
	}
	if options.ACL {
		plan.login = &Login{Password: ConsulToken}
		plan.setUp = func(ctx context.Context, s *Servers) error {
			return addConsulToken(ctx, s, cmp.Or(options.Rules, consulRules))
		}
	}
	return plan
}

// hasLeader is nil when the agent knows the servers' leader.
func hasLeader(ctx context.Context, n node) error {
	return answers(ctx, "http://"+n.address()+"/v1/status/leader")
}

// addConsulToken adds the token that the Login holds, with these rules.
func addConsulToken(ctx context.Context, s *Servers, rules string) error {
	put := func(what string, message fields) error {
		_, err := sendJSON(ctx, http.MethodPut, "http://"+s.Nodes[0].Address+"/v1/acl/"+what, map[string]string{"X-Consul-Token": consulRoot}, message)
		return err
	}
	return errors.Join(
		put("policy", fields{"Name": "orders", "Rules": rules}),
		put("token", fields{"SecretID": ConsulToken, "Policies": []fields{{"Name": "orders"}}}),
	)
}
