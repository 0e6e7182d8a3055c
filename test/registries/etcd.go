package registries

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/test/build"
)

// EtcdServer says how an etcd server is set up.
type EtcdServer struct {
	Members           int    // of one cluster; 0: 1
	CertFile, KeyFile string // for TLS
	ClientCAFile      string // clients need a certificate of this authority
	// Login enables users: this one may use what is below Prefix, and no more.
	Login     *Login
	Prefix    string
	NoGateway bool // gRPC only, no JSON
}

// Etcd is a single etcd 3.6 server, or a cluster.
func Etcd(options EtcdServer) Plan {
	plan := Plan{name: "etcd", program: etcdProgram, login: options.Login}
	var peers, cluster []string
	for range max(1, options.Members) {
		n := node{host: "127.0.0.1", port: freePort(), ready: options.ready}
		peers = append(peers, fmt.Sprintf("127.0.0.1:%d", freePort()))
		cluster = append(cluster, n.address()+"=http://"+peers[len(peers)-1])
		plan.nodes = append(plan.nodes, n)
	}
	for i := range plan.nodes {
		address := plan.nodes[i].address()
		plan.nodes[i].args = func(built, dir string) []string {
			return []string{filepath.Join(built, "etcd"), "-dir", dir, "-listen", address,
				"-peer", peers[i], "-cluster", strings.Join(cluster, ","),
				"-cert", options.CertFile, "-key", options.KeyFile, "-client-ca", options.ClientCAFile,
				"-no-gateway=" + strconv.FormatBool(options.NoGateway)}
		}
	}
	if options.Login != nil {
		plan.setUp = options.addUsers
	}
	return plan
}

// etcdProgram is the server, with the applications that use the libraries registering in it.
var etcdProgram = build.Program{
	Name: "etcd", Root: here, Sources: []string{"etcd"},
	Command: func(out string) []string {
		return []string{"go", "build", "-C", "etcd", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out + "/", ".", "./registrant"}
	},
}

func (options EtcdServer) ready(ctx context.Context, n node) error {
	if options.CertFile == "" {
		return answers(ctx, "http://"+n.address()+"/health")
	}
	return handshakes(ctx, n.address())
}

// addUsers enables users: root, which etcd requires, and the Login's.
func (options EtcdServer) addUsers(ctx context.Context, s *Servers) error {
	prefix := []byte(options.Prefix)
	end := append(bytes.Clone(prefix[:len(prefix)-1]), prefix[len(prefix)-1]+1) // the first key that is not below it
	for _, call := range []struct {
		path string
		body fields
	}{
		{"role/add", fields{"name": "root"}},
		{"user/add", fields{"name": "root", "password": options.Login.Password}},
		{"user/grant", fields{"user": "root", "role": "root"}},
		{"role/add", fields{"name": "registrant"}},
		{"role/grant", fields{"name": "registrant", "perm": fields{"permType": "READWRITE", "key": prefix, "range_end": end}}},
		{"user/add", fields{"name": options.Login.User, "password": options.Login.Password}},
		{"user/grant", fields{"user": options.Login.User, "role": "registrant"}},
		{"enable", fields{}},
	} {
		if _, err := sendJSON(ctx, http.MethodPost, "http://"+s.Nodes[0].Address+"/v3/auth/"+call.path, nil, call.body); err != nil {
			return fmt.Errorf("enabling users: %w", err)
		}
	}
	return nil
}

// ChangeEtcdPassword sets the user's password, which may stay the same. It invalidates all of the user's tokens.
func ChangeEtcdPassword(ctx context.Context, s *Servers, password string) error {
	auth := "http://" + s.Nodes[0].Address + "/v3/auth/"
	answer, err := sendJSON(ctx, http.MethodPost, auth+"authenticate", nil, fields{"name": "root", "password": s.Login.Password})
	var got struct{ Token string }
	if err = errors.Join(err, json.Unmarshal(answer, &got)); err == nil {
		_, err = sendJSON(ctx, http.MethodPost, auth+"user/changepw", map[string]string{"Authorization": got.Token}, fields{"name": s.Login.User, "password": password})
	}
	if err != nil {
		return fmt.Errorf("changing a password: %w", err)
	}
	return nil
}

// handshakes returns nil when a TLS server answers, even if only to ask for a certificate.
func handshakes(ctx context.Context, address string) error {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // all that matters is whether it is up
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("not serving TLS yet: %w", err)
	}
	return conn.Close()
}
