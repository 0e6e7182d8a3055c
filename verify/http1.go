package verify

import (
	"context"
	"crypto/tls"
	"encoding/json"
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

// http1 sends HTTP/1.1 requests by net/http, as most Go clients do, with what that hides laid open:
// httptrace shows each connection that a request was given to.
type http1 struct {
	template *http.Request
	echo     bool // answers must carry the request's id
	dialer   dialer

	// Requests go round the transports, each of which holds one connection in steady state. One
	// transport with a pool would use its latest connection over and over, and so test one pod.
	// Only when all are in use do requests double up, on further connections.
	transports []*http.Transport
	free       chan *http.Transport // not in use, the one that was used longest ago first
	next       atomic.Uint64        // to double up
	exchanges  sync.Pool
}

type http1Options struct {
	url     *url.URL
	method  string
	header  http.Header
	conns   int           // connections to go round
	fresh   bool          // a connection per request
	idle    time.Duration // after which the client closes an idle connection
	echo    bool
	tls     *tls.Config
	timeout time.Duration // of a TLS handshake
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

func newHTTP1(o http1Options) *http1 {
	h := &http1{template: o.template(), echo: o.echo, dialer: dialer{dial: o.dial}}
	for range max(1, o.conns) {
		h.transports = append(h.transports, &http.Transport{
			DialContext:     h.dialer.DialContext,
			TLSClientConfig: o.tls,
			// By default 10 MiB for each request in flight.
			MaxResponseHeaderBytes: 64 << 10,
			TLSHandshakeTimeout:    o.timeout,
			DisableKeepAlives:      o.fresh,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        o.idle,
			// One read or write holds a whole message of the usual size.
			ReadBufferSize:  bodyKept,
			WriteBufferSize: 1 << 10,
		})
	}
	h.free = make(chan *http.Transport, len(h.transports))
	for _, t := range h.transports {
		h.free <- t
	}
	h.exchanges.New = func() any { return newExchange() }
	return h
}

// exchange is the state of one request; it is reused only after a request that went well, since
// net/http may hold on to the others.
type exchange struct {
	trace  httptrace.ClientTrace
	first  *conn
	last   *conn
	reused bool
	conns  int
	buffer [bodyKept]byte
}

func newExchange() *exchange {
	x := &exchange{}
	// net/http calls GotConn in the goroutine of RoundTrip: no lock.
	x.trace.GotConn = func(info httptrace.GotConnInfo) {
		x.conns++
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
func (h *http1) Send(ctx context.Context, s *Shot) error {
	x := h.exchanges.Get().(*exchange)
	x.first, x.last, x.reused, x.conns = nil, nil, false, 0
	err := h.exchange(ctx, x, s)
	s.Conns, s.Reused = x.conns, x.reused
	if x.first != nil {
		if end := x.first.end.Load(); end != nil {
			s.Suspect, s.Direct = end.pod, end.direct
		}
	}
	if x.last != nil && s.Pod != "" {
		s.Routed = x.last.answered(s.Pod, s.peer)
	}
	if err != nil {
		h.dialer.shown(s.ID)
		return err
	}
	h.exchanges.Put(x)
	return nil
}

// takeTransport gives the next transport, and what to call once the answer was read.
func (h *http1) takeTransport() (t *http.Transport, release func()) {
	select {
	case t = <-h.free:
		return t, func() { h.free <- t }
	default:
		return h.transports[h.next.Add(1)%uint64(len(h.transports))], func() {}
	}
}

func (h *http1) exchange(ctx context.Context, x *exchange, s *Shot) error {
	ctx = httptrace.WithClientTrace(context.WithValue(ctx, shotKey{}, s.ID), &x.trace)
	transport, release := h.takeTransport()
	defer release()
	answer, err := transport.RoundTrip(h.request(ctx, s.ID))
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
		return &statusError{answer.StatusCode}
	}
	return echoErr
}

// template is what all requests have in common.
func (o *http1Options) template() *http.Request {
	r := &http.Request{
		Method: o.method, URL: o.url, Host: o.url.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {"lameduck-verify"}},
	}
	maps.Copy(r.Header, o.header)
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	if o.method == http.MethodPost && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "text/plain")
	}
	return r
}

// request has no GetBody: net/http can't send its body twice.
func (h *http1) request(ctx context.Context, id string) *http.Request {
	r := h.template.WithContext(ctx)
	r.Header = make(http.Header, 1+len(h.template.Header))
	maps.Copy(r.Header, h.template.Header)
	r.Header[RequestID] = []string{id}
	if r.Method == http.MethodPost {
		r.Body = io.NopCloser(strings.NewReader(id))
		r.ContentLength = int64(len(id))
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
func (h *http1) readEcho(answer *http.Response, body []byte, s *Shot) error {
	var echo struct {
		ID     string `json:"id"`
		Pod    string `json:"pod"`
		Peer   string `json:"peer"`
		Ledger bool   `json:"ledger"`
	}
	if !h.echo && !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		return nil
	}
	err := json.Unmarshal(body, &echo)
	if err == nil && echo.ID == s.ID {
		s.Echoed, s.Pod, s.peer, s.Ledgered = true, echo.Pod, echo.Peer, echo.Ledger
		return nil
	}
	switch {
	case !h.echo:
		return nil
	case err != nil:
		return &bodyError{fmt.Sprintf("not the JSON that was expected: %.60q", body)}
	default:
		return &bodyError{fmt.Sprintf("it answers request %.60q", echo.ID)}
	}
}

// Close implements Target.
func (h *http1) Close() []MaskedConnect {
	for _, t := range h.transports {
		t.CloseIdleConnections()
	}
	return h.dialer.masked()
}
