// Package web speaks HTTP to registries, with bounds on time, size and redirects. Its errors are
// one line each and say what to do.
package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
)

// Bounds of one call.
const (
	Timeout      = 3 * time.Second
	maxBody      = 2 << 20 // a list of some 8,000 instances of one service; it takes 9 MiB to read
	maxHeader    = 64 << 10
	maxRedirects = 3
)

// Client calls the servers of one registry.
type Client struct {
	http    *http.Client
	timeout time.Duration
}

// New makes a client with the certificates and the timeout that a spec names.
func New(spec registry.Spec) (*Client, error) {
	config, err := TLSConfig(spec)
	if err != nil {
		return nil, fmt.Errorf("registry %s: %w", spec.Name(), err)
	}
	timeout := spec.Duration("timeout", Timeout)
	return &Client{
		timeout: timeout,
		http: &http.Client{
			CheckRedirect: checkRedirect,
			Transport: &http.Transport{
				// No proxy: the application's own client uses none, and a registry is near.
				DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
				TLSClientConfig:        config,
				TLSHandshakeTimeout:    timeout,
				MaxResponseHeaderBytes: maxHeader,
				MaxIdleConnsPerHost:    2,
				IdleConnTimeout:        10 * time.Second,
			},
		},
	}, nil
}

var errPair = errors.New("cert-file and key-file go together")

// TLSConfig is the TLS configuration of a spec's certificates.
func TLSConfig(spec registry.Spec) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	authority, err := spec.Secret("ca")
	if err != nil {
		return nil, err
	}
	if authority != "" || spec.Get("ca-file") != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(authority)) {
			return nil, fmt.Errorf("ca-file: %s holds no PEM certificate", spec.Or("ca-file", "what is given"))
		}
	}
	if (spec.Get("cert-file") == "") != (spec.Get("key-file") == "") {
		return nil, errPair
	}
	cert, certErr := spec.Secret("cert")
	key, keyErr := spec.Secret("key")
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	if (cert == "") != (key == "") {
		return nil, errPair
	}
	if cert != "" {
		pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
		if err != nil {
			return nil, fmt.Errorf("cert-file and key-file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// checkRedirect follows a server that sends its client elsewhere on the same host. Credentials go
// nowhere else, and a write that became a read would look like success.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("redirected more than %d times, at last to %s", maxRedirects, place(next.URL))
	case next.URL.Hostname() != first.URL.Hostname():
		return fmt.Errorf("redirected to another host: name %s itself as server", next.URL.Host)
	case first.URL.Scheme == "https" && next.URL.Scheme != "https":
		return fmt.Errorf("redirected from https to %s", place(next.URL))
	case next.Method != first.Method:
		return fmt.Errorf("redirected to %s by a status that would make %s a %s: name that as server", place(next.URL), first.Method, next.Method)
	}
	return nil
}

// Call is one request.
type Call struct {
	Method string
	URL    string
	Header http.Header
	Body   string
}

// Answer is what came back, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	where  string
}

// Do makes one call. Its error is about the way to the server and back; what the server says about
// the call is in the answer.
func (c *Client) Do(ctx context.Context, call Call) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %v", c.timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, call.Method, call.URL, strings.NewReader(call.Body))
	if err != nil {
		return Answer{}, err
	}
	if call.Header != nil {
		request.Header = call.Header.Clone()
	}
	request.Header.Set("User-Agent", "lameduck-registry")
	where := call.Method + " " + place(request.URL)
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", where, plain(ctx, err))
	}
	defer response.Body.Close()
	body, err := read(response)
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("%s: reading the answer: %w", where, plain(ctx, err))
	case len(body) > maxBody:
		return Answer{}, fmt.Errorf("%s: the answer is longer than %d MiB", where, maxBody>>20)
	}
	answer := Answer{Status: response.StatusCode, Header: response.Header, Body: body, where: where}
	if answer.wantsTLS() {
		return answer, fmt.Errorf("%s: it speaks TLS: write its URL with https:// (%s)", where, answer.Text())
	}
	return answer, nil
}

// read reads a body, into one piece of memory of the right size if the server tells it.
func read(response *http.Response) ([]byte, error) {
	var body bytes.Buffer
	if length := response.ContentLength; length > 0 {
		if length > maxBody {
			return make([]byte, maxBody+1), nil // too long, and not even read
		}
		body.Grow(int(length) + bytes.MinRead)
	}
	_, err := body.ReadFrom(io.LimitReader(response.Body, maxBody+1))
	return body.Bytes(), err
}

// Close ends the kept connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// place is a URL without anything that could be secret.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

// Base makes a URL of a server as it is written in a spec: host, host:port or a URL.
func Base(server, port string) (*url.URL, error) {
	text := server
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Hostname() == "":
		return nil, fmt.Errorf("server %q: write it as host:port or as a URL", server)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("server %q: its scheme must be http or https", server)
	case u.User != nil:
		return nil, fmt.Errorf("server %s: credentials do not go in it; name variables or files by username-env, password-env, username-file, password-file", u.Redacted())
	}
	if u.Port() == "" && u.Scheme == "http" && port != "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}, nil
}

// Basic is the header of basic auth; none without a user's name.
func Basic(username, password string) http.Header {
	if username == "" {
		return http.Header{}
	}
	request := http.Request{Header: http.Header{}}
	request.SetBasicAuth(username, password)
	return request.Header
}

// Bases makes the URLs of the servers that a spec names, with a path where they have none.
func Bases(spec registry.Spec, port, path string) ([]string, error) {
	servers := spec.List("server")
	if len(servers) == 0 {
		return nil, fmt.Errorf("registry %s: no server is given: write server=%s:%s", spec.Name(), spec.Kind, port)
	}
	var bases []string
	for _, server := range servers {
		base, err := Base(server, port)
		if err != nil {
			return nil, fmt.Errorf("registry %s: %w", spec.Name(), err)
		}
		if base.Path == "" {
			base.Path = path
		}
		bases = append(bases, base.String())
	}
	return bases, nil
}
