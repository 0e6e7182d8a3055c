//go:build routers

package routers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/controller/routers"
	"github.com/lameduck-dev/lameduck/router"
	"github.com/lameduck-dev/lameduck/router/envoy"
	"github.com/lameduck-dev/lameduck/router/haproxy"
	"github.com/lameduck-dev/lameduck/router/traefik"
	programs "github.com/lameduck-dev/lameduck/test/routers"
)

// The addresses of the two backends. The first leaves.
var (
	leaves = netip.MustParseAddr("127.0.0.2")
	stays  = netip.MustParseAddr("127.0.0.3")
)

// fields are what a configuration is written with.
type fields struct {
	dir             string
	port, api, back int
}

func (f fields) in(text string) string {
	return strings.NewReplacer("DIR", f.dir, "API", fmt.Sprint(f.api), "PORT", fmt.Sprint(f.port), "BACK", fmt.Sprint(f.back)).Replace(text)
}

// write replaces a file as a whole, as controllers do.
func (f fields) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path+".new", []byte(f.in(text)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// set is a router that can be asked.
type set struct {
	name  string
	kind  routers.Kind
	path  string
	files map[string]string
	start func(t *testing.T, f fields) []string
	// keep has the router keep the leaving backend for what is bound to it; nil: it can't.
	keep func(t *testing.T, f fields)
	// drop has it send to the other backend alone.
	drop func(t *testing.T, f fields)
}

const (
	traefikServers = `{"http":{"routers":{"r":{"rule":"PathPrefix(\"/\")","entryPoints":["web"],"service":"app"}},"services":{"app":{"loadBalancer":{"servers":[%s]}}}}}`
	traefikOne     = `{"url":"http://127.0.0.3:BACK"}`
	traefikTwo     = `{"url":"http://127.0.0.2:BACK"},` + traefikOne

	envoyHosts = `{"resources":[{"@type":"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment","cluster_name":"app","endpoints":[{"lb_endpoints":[%s]}]}]}`
	envoyOne   = `{"endpoint":{"address":{"socket_address":{"address":"127.0.0.3","port_value":BACK}}}}`
	envoyLeft  = `{"health_status":"DRAINING","endpoint":{"address":{"socket_address":{"address":"127.0.0.2","port_value":BACK}}}},` + envoyOne
	envoyTwo   = `{"endpoint":{"address":{"socket_address":{"address":"127.0.0.2","port_value":BACK}}}},` + envoyOne
)

var sets = []set{
	{
		name: "traefik", kind: traefik.Kind{},
		files: map[string]string{"dynamic.yml": fmt.Sprintf(traefikServers, traefikTwo)},
		start: func(t *testing.T, f fields) []string {
			binary, err := programs.Traefik(t.Context(), os.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			return []string{binary, f.in("--entrypoints.traefik.address=127.0.0.1:API"), "--api.insecure=true", f.in("--entrypoints.web.address=127.0.0.1:PORT"),
				f.in("--providers.file.directory=DIR"), "--providers.file.watch=true", "--global.checknewversion=false"}
		},
		drop: func(t *testing.T, f fields) { f.write(t, "dynamic.yml", fmt.Sprintf(traefikServers, traefikOne)) },
	},
	{
		name: "envoy", kind: envoy.Kind{},
		files: map[string]string{
			"endpoints.json": fmt.Sprintf(envoyHosts, envoyTwo),
			"envoy.yaml": `
node: {id: router, cluster: router}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: API}}}
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: PORT}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app}}]}]}
          http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
  clusters:
  - {name: app, type: EDS, eds_cluster_config: {eds_config: {resource_api_version: V3, path_config_source: {path: DIR/endpoints.json}}}}
`},
		start: func(t *testing.T, f fields) []string {
			binary, err := programs.Envoy(t.Context(), os.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			return []string{binary, "-c", f.dir + "/envoy.yaml", "--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"}
		},
		keep: func(t *testing.T, f fields) { f.write(t, "endpoints.json", fmt.Sprintf(envoyHosts, envoyLeft)) },
		drop: func(t *testing.T, f fields) { f.write(t, "endpoints.json", fmt.Sprintf(envoyHosts, envoyOne)) },
	},
	{
		name: "haproxy", kind: haproxy.Kind{}, path: "/stats",
		files: map[string]string{"haproxy.cfg": `
global
	stats socket DIR/haproxy.sock mode 600 level admin
defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
frontend statistics
	bind 127.0.0.1:API
	stats enable
	stats uri /stats
	stats show-legends
frontend in
	bind 127.0.0.1:PORT
	default_backend app
backend app
	server s1 127.0.0.2:BACK
	server s2 127.0.0.3:BACK
`},
		start: func(t *testing.T, f fields) []string {
			binary, err := exec.LookPath("haproxy")
			if err != nil {
				t.Fatalf("%v: install the package haproxy, or run hack/deps.sh --routers", err)
			}
			return []string{binary, "-db", "-f", f.dir + "/haproxy.cfg"}
		},
		keep: func(t *testing.T, f fields) { order(t, f, "set server app/s1 state drain") },
		drop: func(t *testing.T, f fields) { order(t, f, "set server app/s1 state maint") },
	},
}

// order gives HAProxy an order.
func order(t *testing.T, f fields, text string) {
	t.Helper()
	conn, err := net.Dial("unix", f.dir+"/haproxy.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text+"\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || strings.TrimSpace(string(answer)) != "" {
		t.Fatalf("%s: %q, %v", text, answer, err)
	}
}

// TestWordIsKept: a router that says it has forgotten an address sends nothing there from a second later
// on, and says so only once it was told; nor does it say so of what it only keeps.
func TestWordIsKept(t *testing.T) {
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			f := fields{dir: t.TempDir(), port: freePort(t), api: freePort(t), back: freePort(t)}
			var last atomic.Int64 // nanoseconds: the last request to the one that leaves
			serve(t, netip.AddrPortFrom(leaves, uint16(f.back)), func() { last.Store(time.Now().UnixNano()) })
			serve(t, netip.AddrPortFrom(stays, uint16(f.back)), func() {})
			for name, text := range set.files {
				f.write(t, name, text)
			}
			run(t, set.start(t, f))

			door := router.NewDoors(2*time.Second).At(netip.MustParseAddr("127.0.0.1"), router.API{Kind: set.name, Port: uint16(f.api), Path: set.path})
			until(t, set, door, router.Sends)
			stop := load(t, fmt.Sprintf("http://127.0.0.1:%d/", f.port))
			for began := time.Now(); last.Load() == 0; time.Sleep(10 * time.Millisecond) {
				if time.Since(began) > 10*time.Second {
					t.Fatal("no request reached the backend that is to leave")
				}
			}
			if set.keep != nil {
				set.keep(t, f)
				until(t, set, door, router.Bound)
			}
			set.drop(t, f)
			until(t, set, door, router.Gone)
			word := time.Now()
			for time.Since(word) < 3*time.Second {
				until(t, set, door, router.Gone)
				time.Sleep(100 * time.Millisecond)
			}
			stop()
			after := time.Unix(0, last.Load()).Sub(word)
			t.Logf("the last request came %v after the word", after)
			if after > time.Second {
				t.Errorf("it sent for %v after its word", after)
			}
		})
	}
}

// until asks until the router uses the leaving address so.
func until(t *testing.T, set set, door *router.Door, want router.Use) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		found, err := set.kind.Ask(ctx, door)
		if err == nil && found.Of([]netip.Addr{leaves}) == want && found.Of([]netip.Addr{stays}) == router.Sends {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("not %v: %+v, %v", want, found, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// load sends requests over connections that are kept and over fresh ones, until the function is called.
func load(t *testing.T, url string) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for i := 0; ctx.Err() == nil; i++ {
			client := http.DefaultClient
			if i%2 == 0 {
				client = fresh
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				continue
			}
			if response, err := client.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return func() { cancel(); <-done }
}

func serve(t *testing.T, at netip.AddrPort, seen func()) {
	t.Helper()
	listener, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen()
		_ = json.NewEncoder(w).Encode(at)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// run runs a program until the test's end.
func run(t *testing.T, args []string) {
	t.Helper()
	var output strings.Builder
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", args[0], output.String()[:min(output.Len(), 4000)])
		}
	})
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
