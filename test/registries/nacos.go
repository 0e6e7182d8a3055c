package registries

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The identity by which the members of a Nacos cluster know each other: a header that passes every login.
const (
	NacosIdentityHeader = "test-identity"
	NacosIdentity       = "test"
)

// Nacos says how a Nacos server is set up.
type Nacos struct {
	Auth bool // clients have to log in, with the Servers' Login
	// Members is how many nodes form a cluster; 0 and 1 mean a single server. For Nacos 2 only, and without Auth: users
	// are kept in a database, which such a cluster does not have.
	Members int
	// Compatible lets Nacos 3 answer the write paths of versions 1 and 2, which it refuses by default.
	Compatible bool
}

// The distances from a Nacos server's port to the others that it binds, on all addresses: raft, gRPC for clients and
// gRPC for members.
var nacosPorts = []int{-1000, 1000, 1001}

// Nacos2 is Nacos 2.2.4.
func Nacos2(options Nacos) Plan {
	plan := Plan{name: "nacos2", program: maven("nacos2", "nacos2")}
	if options.Auth {
		plan.login = &Login{User: "nacos", Password: "nacos"}
	}
	var members []string
	for range max(1, options.Members) {
		port := freePort(nacosPorts...)
		members = append(members, fmt.Sprintf("127.0.0.1:%d", port))
		plan.nodes = append(plan.nodes, node{host: "127.0.0.1", port: port, ready: func(ctx context.Context, n node) error {
			err := answers(ctx, "http://"+n.address()+"/nacos/v1/ns/operator/metrics")
			return errors.Join(err, listens(ctx, fmt.Sprintf("%s:%d", n.host, n.port+nacosPorts[1])))
		}})
	}
	for i := range plan.nodes {
		n := &plan.nodes[i]
		properties := []string{
			"server.address=127.0.0.1", "nacos.inetutils.ip-address=127.0.0.1", "server.port=" + strconv.Itoa(n.port),
			"nacos.core.auth.enabled=" + strconv.FormatBool(options.Auth),
		}
		if len(members) > 1 {
			properties = append(properties, "nacos.member.list="+strings.Join(members, ","), "nacos.functionMode=naming", "embeddedStorage=true")
		}
		n.args = nacosArgs("nacos2", properties)
	}
	return plan
}

// Nacos3 is Nacos 3.1.0. Its write paths require an administrator even without Auth: that is the Login.
func Nacos3(options Nacos) Plan {
	port := freePort(nacosPorts...)
	properties := []string{
		"server.address=127.0.0.1", "nacos.inetutils.ip-address=127.0.0.1", "nacos.server.main.port=" + strconv.Itoa(port),
		"nacos.core.auth.enabled=" + strconv.FormatBool(options.Auth),
		"nacos.core.api.compatibility.admin.enabled=" + strconv.FormatBool(options.Compatible),
	}
	return Plan{
		name: "nacos3", program: maven("nacos3", "nacos3"),
		login: &Login{User: "nacos", Password: "test-password"}, setUp: setAdministrator,
		nodes: []node{{
			host: "127.0.0.1", port: port, args: nacosArgs("nacos3", properties),
			ready: func(ctx context.Context, n node) error {
				return answers(ctx, "http://"+n.address()+"/nacos/v3/admin/core/state/readiness")
			},
		}},
	}
}

func nacosArgs(name string, properties []string) func(built, dir string) []string {
	return func(built, dir string) []string {
		return java(built, name, "384m", dir, append(properties, "nacos.home="+dir)...)
	}
}

// setAdministrator sets the password of a fresh Nacos 3, and waits until the login works.
func setAdministrator(ctx context.Context, s *Servers) error {
	base := "http://" + s.Nodes[0].Address + "/nacos/v3/auth/user"
	if err := post(ctx, base+"/admin", url.Values{"password": {s.Login.Password}}); err != nil {
		return fmt.Errorf("setting the administrator's password: %w", err)
	}
	// The server rereads its users every 15 s.
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := post(ctx, base+"/login", url.Values{"username": {s.Login.User}, "password": {s.Login.Password}})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the administrator's login to work: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func post(ctx context.Context, address string, form url.Values) error {
	_, err := send(ctx, http.MethodPost, address, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, form.Encode())
	return err
}
