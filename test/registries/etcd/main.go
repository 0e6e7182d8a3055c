// Command etcd is an etcd server for tests, from etcd's own embeddable package.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// options are the flags.
type options struct {
	dir, listen, peer, cluster string
	cert, key, clientCA        string
	noGateway                  bool
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "", "`folder` for the data")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:2379", "`address` for clients, which is its name, too")
	flag.StringVar(&o.peer, "peer", "127.0.0.1:0", "`address` for the other members")
	flag.StringVar(&o.cluster, "cluster", "", "all members, as `name=URL,...`; alone if empty")
	flag.StringVar(&o.cert, "cert", "", "serve TLS with the certificate in this `file`")
	flag.StringVar(&o.key, "key", "", "and the key in this `file`")
	flag.StringVar(&o.clientCA, "client-ca", "", "ask clients for a certificate of the authority in this `file`")
	flag.BoolVar(&o.noGateway, "no-gateway", false, "serve gRPC only")
	flag.Parse()
	if err := serve(o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func serve(o options) error {
	config := embed.NewConfig()
	config.Dir = filepath.Join(o.dir, "data")
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true // the data lives as long as the test
	config.EnableGRPCGateway = !o.noGateway
	client := url.URL{Scheme: "http", Host: o.listen}
	if o.cert != "" {
		client.Scheme = "https"
		config.ClientTLSInfo = transport.TLSInfo{CertFile: o.cert, KeyFile: o.key, TrustedCAFile: o.clientCA, ClientCertAuth: o.clientCA != ""}
	}
	peer := url.URL{Scheme: "http", Host: o.peer}
	config.Name = o.listen
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	if o.cluster != "" {
		config.InitialCluster = o.cluster
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer server.Close()
	select {
	case err := <-server.Err():
		return err
	case <-server.Server.StopNotify():
		return errors.New("the server stopped by itself")
	}
}
