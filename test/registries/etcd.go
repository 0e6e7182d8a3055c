package registries

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
)

// EtcdServer says how an etcd server is set up.
type EtcdServer struct {
	CertFile, KeyFile string // serve TLS with these
	ClientCAFile      string // and ask clients for a certificate of this authority
}

// Etcd is an etcd 3.6 server alone.
func Etcd(options EtcdServer) Plan {
	n := node{host: "127.0.0.1", port: freePort()}
	n.args = func(built, dir string) []string {
		return []string{filepath.Join(built, "etcd"), "-dir", dir, "-listen", n.address(),
			"-cert", options.CertFile, "-key", options.KeyFile, "-client-ca", options.ClientCAFile}
	}
	n.ready = func(ctx context.Context, n node) error {
		if options.CertFile == "" {
			return answers(ctx, "http://"+n.address()+"/health")
		}
		return handshakes(ctx, n.address())
	}
	return Plan{name: "etcd", nodes: []node{n}, program: program{
		name: "etcd", sources: []string{"etcd"},
		command: func(out string) []string {
			return []string{"go", "build", "-C", "etcd", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(out, "etcd"), "."}
		},
	}}
}

// handshakes is nil when a server behind TLS answers, if only that it wants a certificate.
func handshakes(ctx context.Context, address string) error {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // whether it is up is all that is asked
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("not serving TLS yet: %w", err)
	}
	return conn.Close()
}
