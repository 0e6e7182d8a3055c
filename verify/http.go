package verify

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// RequestID is the header that carries a request's id.
const RequestID = "X-Request-Id"

// bodyKept bounds how much of an answer is looked at; the rest is read and dropped.
const bodyKept = 4 << 10

// headerMax bounds the header of an answer, in bytes.
const headerMax = 64 << 10

// httpTarget sends HTTP requests by net/http, as most Go clients do, with what that hides laid open:
// httptrace shows each connection that a request was given to.
type httpTarget struct {
	template *http.Request
	echo     bool // answers must carry the request's id
	h2       bool
	dialer   *dialer

	// Requests go round the transports, each of which holds one connection in steady state. One
	// transport with a pool would use its latest connection over and over, and so test one pod.
	transports *ring[*http.Transport]
	exchanges  sync.Pool
}

// targetOptions are what all targets are made of.
type targetOptions struct {
	url     *url.URL
	header  http.Header
	conns   int           // connections to go round
	idle    time.Duration // after which the client closes an idle connection
	echo    bool
	tls     *tls.Config
	timeout time.Duration // of a TLS handshake, and of the first answer
	hold    time.Duration // that a held request lasts
	dial    func(ctx context.Context, network, address string) (net.Conn, error)

	grpcMessage []byte
	wsMessage   string
}

func newFresh(o *targetOptions) Target     { return newSingle(o) }
func newKeepAlive(o *targetOptions) Target { return newHTTP(o, http.MethodGet) }
func newPost(o *targetOptions) Target      { return newHTTP(o, http.MethodPost) }

// newSingle sends each GET over a connection of its own.
func newSingle(o *targetOptions) *httpTarget {
	h := newHTTP(o, http.MethodGet)
	h.transports.each(func(t *http.Transport) { t.DisableKeepAlives = true })
	return h
}

// newH2 speaks HTTP/2 alone: over TLS by ALPN, else at once ("prior knowledge").
func newH2(o *targetOptions) Target {
	h := newHTTP(o, http.MethodGet)
	h.h2 = true
	protocols := &http.Protocols{}
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	h.transports.each(func(t *http.Transport) { t.Protocols = protocols })
	return h
}

func newHTTP(o *targetOptions, method string) *httpTarget {
	h := &httpTarget{template: o.template(method), echo: o.echo, dialer: &dialer{dial: o.dial}}
	h.transports = newRing(o.conns, func() *http.Transport { return o.transport(h.dialer) })
	h.exchanges.New = func() any {
		x := newExchange()
		if h.h2 {
			x.trace.WroteHeaders = func() { x.wrote.Add(1) }
		}
		return x
	}
	return h
}

func (o *targetOptions) transport(d *dialer) *http.Transport {
	return &http.Transport{
		DialContext:            d.DialContext,
		TLSClientConfig:        o.tls.Clone(), // each adds its protocols
		MaxResponseHeaderBytes: headerMax,     // by default 10 MiB for each request in flight
		TLSHandshakeTimeout:    o.timeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        o.idle,
		// One read or write holds a whole message of the usual size.
		ReadBufferSize:  bodyKept,
		WriteBufferSize: 1 << 10,
	}
}

// exchange is the state of one request; it is reused only after a request that went well, since
// net/http may hold on to the others.
type exchange struct {
	trace  httptrace.ClientTrace
	first  *conn
	last   *conn
	reused bool
	conns  int
	wrote  atomic.Int64 // over HTTP/2: connections that the request's headers were written to
	resent int          // of them, those before the last
	buffer [bodyKept]byte
}

func newExchange() *exchange {
	x := &exchange{}
	// net/http calls GotConn in the goroutine of RoundTrip: no lock.
	x.trace.GotConn = func(info httptrace.GotConnInfo) {
		x.conns++
		x.resent = int(x.wrote.Load())
		x.last = connOf(info.Conn)
		if x.conns == 1 {
			x.first, x.reused = x.last, info.Reused
		}
	}
	return x
}

// connOf finds our connection, below TLS too.
func connOf(c net.Conn) *conn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	ours, _ := c.(*conn)
	return ours
}

// Send implements Target.
func (h *httpTarget) Send(ctx context.Context, s *Shot) error {
	x := h.exchanges.Get().(*exchange)
	x.first, x.last, x.reused, x.conns = nil, nil, false, 0
	err := h.exchange(ctx, x, s)
	s.Conns = x.conns
	if h.h2 && x.conns > 0 {
		// A connection that was told to go before the request was written to it is no retry.
		s.Conns = 1 + x.resent
	}
	x.learn(s)
	if err != nil {
		h.dialer.shown(s.ID)
		return err
	}
	if !h.h2 { // an answer over HTTP/2 may come before the word that the headers were written
		h.exchanges.Put(x)
	}
	return nil
}

// learn says in s what the connections showed.
func (x *exchange) learn(s *Shot) {
	s.Reused = x.reused
	if x.first != nil {
		if end := x.first.end.Load(); end != nil {
			s.Suspect, s.Direct = end.pod, end.direct
		}
	}
	if x.last != nil && s.Pod != "" {
		s.Routed = x.last.answered(s.Pod, s.peer)
	}
}

func (h *httpTarget) exchange(ctx context.Context, x *exchange, s *Shot) error {
	transport, release := h.transports.takeOne()
	defer release()
	answer, err := transport.RoundTrip(h.request(ctx, x, s))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	kept, err := readBody(answer.Body, x.buffer[:])
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	// Read what a failed answer says as well: it may name the pod.
	echoErr := h.readEcho(answer, kept, s)
	if answer.StatusCode >= http.StatusBadRequest {
		s.Hint = RouterHint(answer.StatusCode, answer.Header, kept)
		return &statusError{answer.StatusCode}
	}
	return echoErr
}

// template is what all requests have in common.
func (o *targetOptions) template(method string) *http.Request {
	r := &http.Request{
		Method: method, URL: o.url, Host: o.url.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {userAgent}},
	}
	maps.Copy(r.Header, o.header)
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	if method == http.MethodPost && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "text/plain")
	}
	return r
}

// request has no GetBody: net/http can't send its body twice.
func (h *httpTarget) request(ctx context.Context, x *exchange, s *Shot) *http.Request {
	r := h.template.WithContext(httptrace.WithClientTrace(context.WithValue(ctx, shotKey{}, s.ID), &x.trace))
	r.Header = make(http.Header, 1+len(h.template.Header))
	maps.Copy(r.Header, h.template.Header)
	r.Header[RequestID] = []string{s.ID}
	if r.Method == http.MethodPost {
		r.Body = io.NopCloser(strings.NewReader(s.ID))
		r.ContentLength = int64(len(s.ID))
	}
	return r
}

// readBody reads body to its end and keeps its beginning.
func readBody(body io.Reader, buffer []byte) (kept []byte, err error) {
	n := 0
	for {
		if n == len(buffer) {
			_, err := io.Copy(io.Discard, body)
			return buffer, err
		}
		m, err := body.Read(buffer[n:])
		n += m
		switch err {
		case nil:
		case io.EOF:
			return buffer[:n], nil
		default:
			return buffer[:n], err
		}
	}
}

// readEcho takes the request's id and the pod's name from an answer in JSON.
func (h *httpTarget) readEcho(answer *http.Response, body []byte, s *Shot) error {
	if !h.echo && !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		return nil
	}
	err := s.readEcho(body)
	if !h.echo {
		return nil
	}
	return err
}

// Close implements Target.
func (h *httpTarget) Close() []MaskedConnect {
	h.transports.each((*http.Transport).CloseIdleConnections)
	return h.dialer.masked()
}
