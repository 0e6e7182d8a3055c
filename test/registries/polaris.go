package registries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/lameduck-dev/lameduck/test/build"
)

// polarisGRPC is the distance from a server's HTTP port to its gRPC port, which applications use.
const polarisGRPC = 1

// Polaris is a single Polaris 1.18 server, with its data in a file. Its console requires a token,
// which is the Login's password; its clients need none, as by default.
func Polaris() Plan {
	login := &Login{User: "polaris"}
	n := node{host: "127.0.0.1", port: freePort(polarisGRPC)}
	n.args = func(built, _ string) []string {
		return []string{filepath.Join(built, "polaris"), "start", "-c", "polaris.yaml"}
	}
	n.files = map[string]string{"polaris.yaml": fmt.Sprintf(polarisConfig, n.port, n.port+polarisGRPC)}
	n.ready = func(ctx context.Context, n node) error { _, err := polarisToken(ctx, n.address()); return err }
	return Plan{name: "polaris", nodes: []node{n}, login: login, setUp: func(ctx context.Context, s *Servers) (err error) {
		login.Password, err = polarisToken(ctx, s.Nodes[0].Address)
		return err
	}, program: build.Program{
		Name: "polaris", Root: here, Sources: []string{"polaris/go.mod", "polaris/go.sum"},
		Command: func(out string) []string {
			return []string{"go", "build", "-C", "polaris", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(out, "polaris"), "github.com/polarismesh/polaris"}
		},
	}}
}

// polarisClient is the application with polaris-go: a separate module, whose versions are not the server's.
var polarisClient = build.Program{
	Name: "polaris-go", Root: here, Sources: []string{"polaris/registrant"},
	Command: func(out string) []string {
		return []string{"go", "build", "-C", "polaris/registrant", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(out, "registrant"), "."}
	},
}

// polarisToken logs in as the first user, whose password is its name.
func polarisToken(ctx context.Context, address string) (string, error) {
	var answer struct {
		Info          string
		LoginResponse struct{ Token string }
	}
	body, err := sendJSON(ctx, http.MethodPost, "http://"+address+"/core/v1/user/login", nil, fields{"name": "polaris", "password": "polaris"})
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err == nil && answer.LoginResponse.Token == "" {
		err = errors.New(answer.Info)
	}
	if err != nil {
		return "", fmt.Errorf("logging in: %w", err)
	}
	return answer.LoginResponse.Token, nil
}

// polarisConfig is a shortened release/conf/polaris-server.yaml: no other protocols, and everything
// on the loopback. What is left has the original values.
const polarisConfig = `
bootstrap:
  logger:
    default: {rotateOutputPath: log/polaris.log, errorRotateOutputPath: log/error.log, rotationMaxSize: 10, rotationMaxBackups: 1, rotationMaxAge: 1, outputLevel: warn}
  startInOrder: {open: true, key: sz}
  polaris_service: {self_address: 127.0.0.1, enable_register: true, services: [{name: polaris.checker, protocols: [service-grpc]}]}
apiservers:
- name: api-http
  option: {listenIP: 127.0.0.1, listenPort: %d}
  api:
    console: {enable: true, include: [default, service]}
    client: {enable: true, include: [discover, register, healthcheck]}
- name: service-grpc
  option: {listenIP: 127.0.0.1, listenPort: %d}
  api:
    client: {enable: true, include: [discover, register, healthcheck]}
auth:
  user: {name: defaultUser, option: {salt: polarismesh@2021}}
  strategy: {name: defaultStrategy, option: {consoleOpen: true, consoleStrict: true, clientOpen: false, clientStrict: false}}
namespace: {autoCreate: true}
naming:
  autoCreate: true
  batch:
    register: {open: true, queueSize: 10240, waitTime: 32ms, maxBatchCount: 128, concurrency: 128, dropExpireTask: true, taskLife: 30s}
    deregister: {open: true, queueSize: 10240, waitTime: 32ms, maxBatchCount: 128, concurrency: 128}
healthcheck:
  open: true
  service: polaris.checker
  slotNum: 30
  minCheckInterval: 1s
  maxCheckInterval: 30s
  clientReportInterval: 120s
  batch: {heartbeat: {open: true, queueSize: 10240, waitTime: 32ms, maxBatchCount: 32, concurrency: 64}}
  checkers: [{name: heartbeatMemory}]
config: {open: true, contentMaxLength: 20000}
cache: {diffTime: 5s}
maintain: {jobs: []}
store: {name: boltdbStore, option: {path: ./polaris.bolt}}
plugin:
  crypto: {entries: [{name: AES}]}
  cmdb: {name: memory, option: {url: "", interval: 60s}}
`
