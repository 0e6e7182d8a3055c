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

func main() {
	dir := flag.String("dir", "", "`folder` for the data")
	listen := flag.String("listen", "127.0.0.1:2379", "`address` for clients")
	cert := flag.String("cert", "", "serve TLS with the certificate in this `file`")
	key := flag.String("key", "", "and the key in this `file`")
	clientCA := flag.String("client-ca", "", "ask clients for a certificate of the authority in this `file`")
	flag.Parse()
	if err := serve(*dir, *listen, *cert, *key, *clientCA); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func serve(dir, listen, cert, key, clientCA string) error {
	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "data")
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true // the data lives as long as the test
	client := url.URL{Scheme: "http", Host: listen}
	if cert != "" {
		client.Scheme = "https"
		config.ClientTLSInfo = transport.TLSInfo{CertFile: cert, KeyFile: key, TrustedCAFile: clientCA, ClientCertAuth: clientCA != ""}
	}
	// It has no peers: any free port of the loopback will do for them.
	peer := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
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
