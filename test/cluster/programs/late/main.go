// Command late shows a program in the same pod a resource as it was some time ago: it forwards the program's
// requests to the API server, with the program's own token, and delays the events of its watches.
// Lists are not delayed.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/relay"
)

const authority = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, log)
	stop()
	if err != nil {
		log.Error("exiting", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	listen := flag.String("listen", "127.0.0.1:6444", "address for the program, without TLS")
	resource := flag.String("resource", "endpointslices", "plural name of what is watched late")
	by := flag.Duration("by", 0, "how late")
	flag.Parse()
	ca, err := os.ReadFile(authority)
	if err != nil {
		return err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(ca) {
		return fmt.Errorf("%s holds no certificate", authority)
	}
	server := &url.URL{Scheme: "https", Host: net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))}
	r := relay.New(server, &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: authorities}}, log)
	if err := r.Delay(relay.Fault{Resource: *resource, Delay: *by}); err != nil {
		return err
	}
	proxy := &http.Server{Addr: *listen, Handler: r, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- proxy.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	if err := proxy.Close(); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
