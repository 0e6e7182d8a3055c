// Command relay runs one node's relay between its kube-proxy and the API server: see internal/relay.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/relay"
)

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(log); err != nil {
		log.Error("exiting", "error", err)
		os.Exit(1)
	}
}

func run(log *slog.Logger) error {
	listen := flag.String("listen", "", "address for kube-proxy")
	server := flag.String("server", "", "URL of the API server")
	caFile := flag.String("ca", "", "certificate of the cluster's authority")
	certFile := flag.String("cert", "", "kube-proxy's certificate, valid for the listening address too")
	keyFile := flag.String("key", "", "the key to it")
	control := flag.String("control", "", "unix socket for orders")
	flag.Parse()

	upstream, err := url.Parse(*server)
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(*certFile, *keyFile)
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(*caFile)
	if err != nil {
		return err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(ca) {
		return fmt.Errorf("%s holds no certificate", *caFile)
	}
	r := relay.New(upstream, &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: authorities},
		HTTP2:             &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}, log)

	if err := os.Remove(*control); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	orders, err := net.Listen("unix", *control)
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- http.Serve(orders, r.Control()) }()
	proxy := &http.Server{
		Addr:    *listen,
		Handler: r,
		TLSConfig: &tls.Config{
			ClientAuth: tls.RequireAndVerifyClientCert,
			ClientCAs:  authorities,
			// Only kube-proxy may borrow kube-proxy's rights.
			VerifyConnection: func(state tls.ConnectionState) error {
				if client := state.PeerCertificates[0].Subject.CommonName; client != certificate.Leaf.Subject.CommonName {
					return fmt.Errorf("this relay does not serve %s", client)
				}
				return nil
			},
		},
	}
	go func() { ended <- proxy.ListenAndServeTLS(*certFile, *keyFile) }()
	return <-ended
}
