package verify

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// grpcTarget calls a method by grpc-go, with what that hides laid open: its statistics show each
// connection that a call was given to.
type grpcTarget struct {
	method  string
	message []byte
	header  metadata.MD
	stream  bool
	hold    time.Duration
	dialer  *dialer
	clients *ring[*grpc.ClientConn]
	broken  error // the options make no client

	mu    sync.Mutex
	wires map[string]*wire // open connections by their address here
}

func newGRPC(o *targetOptions) Target       { return newGRPCTarget(o, false) }
func newGRPCStream(o *targetOptions) Target { return newGRPCTarget(o, true) }

func newGRPCTarget(o *targetOptions, stream bool) *grpcTarget {
	g := &grpcTarget{
		method: o.url.Path, message: o.grpcMessage, header: metadata.MD{}, stream: stream, hold: o.hold,
		dialer: &dialer{dial: o.dial}, wires: map[string]*wire{},
	}
	authority := o.url.Host
	for name, values := range o.header {
		if name == "Host" {
			authority = values[0]
			continue
		}
		g.header.Append(name, values...)
	}
	g.clients = newRing(o.conns, func() *grpc.ClientConn {
		client, err := grpc.NewClient("passthrough:///"+hostPort(o.url),
			grpc.WithAuthority(authority),
			grpc.WithTransportCredentials(g.credentials(o)),
			grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				return g.dialer.DialContext(ctx, "tcp", address)
			}),
			grpc.WithStatsHandler(g),
			grpc.WithUserAgent(userAgent),
			grpc.WithNoProxy(),
			grpc.WithMaxHeaderListSize(headerMax),
			grpc.WithDisableServiceConfig(), // no DNS is asked for rules of retrying
			grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{})),
		)
		g.broken = errors.Join(g.broken, err)
		return client
	})
	return g
}

// hostPort is where the URL leads.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

// rawCodec sends and receives messages as they are encoded.
type rawCodec struct{}

func (rawCodec) Name() string                       { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error)      { return v.([]byte), nil }
func (rawCodec) Unmarshal(data []byte, _ any) error { return nil }

// wiretap are credentials that watch the connection above TLS.
type wiretap struct {
	credentials.TransportCredentials
	target *grpcTarget
}

func (g *grpcTarget) credentials(o *targetOptions) credentials.TransportCredentials {
	if o.url.Scheme == "http" {
		return &wiretap{insecure.NewCredentials(), g}
	}
	config := o.tls.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	return &wiretap{credentials.NewTLS(config), g}
}

// ClientHandshake implements credentials.TransportCredentials.
func (t *wiretap) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := t.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		return nil, nil, err
	}
	w := newWire(c)
	w.below, _ = raw.(*conn)
	t.target.mu.Lock()
	defer t.target.mu.Unlock()
	t.target.wires[c.LocalAddr().String()] = w
	return &tapped{w, t.target}, info, nil
}

// Clone implements credentials.TransportCredentials.
func (t *wiretap) Clone() credentials.TransportCredentials {
	return &wiretap{t.TransportCredentials.Clone(), t.target}
}

// tapped is a wire that is forgotten when it is closed.
type tapped struct {
	*wire
	target *grpcTarget
}

func (t *tapped) Close() error {
	t.target.mu.Lock()
	if key := t.LocalAddr().String(); t.target.wires[key] == t.wire {
		delete(t.target.wires, key)
	}
	t.target.mu.Unlock()
	return t.wire.Close()
}

// Send implements Target.
func (g *grpcTarget) Send(ctx context.Context, s *Shot) error {
	if g.broken != nil {
		return g.broken
	}
	client, release := g.clients.takeOne()
	defer release()
	c := &call{target: g}
	header := g.header.Copy()
	header.Set(RequestID, s.ID)
	ctx = metadata.NewOutgoingContext(context.WithValue(ctx, callKey{}, c), header)
	var err error
	if g.stream {
		err = g.sendStream(ctx, client, c, s)
	} else {
		var answer []byte
		var head metadata.MD
		err = client.Invoke(ctx, g.method, g.message, &answer, grpc.Header(&head))
		c.echo(s, head)
	}
	c.learn(s)
	if err != nil {
		return c.explain(err)
	}
	return nil
}

// sendStream opens a stream and holds it. The server may end it before, with status OK.
func (g *grpcTarget) sendStream(ctx context.Context, client *grpc.ClientConn, c *call, s *Shot) error {
	h := hold(ctx, s)
	defer h.release()
	stream, err := client.NewStream(h, &grpc.StreamDesc{ServerStreams: true}, g.method)
	if err != nil {
		return h.ending(err)
	}
	if err = stream.SendMsg(g.message); err == nil {
		err = stream.CloseSend()
	}
	if err != nil && !errors.Is(err, io.EOF) { // EOF: RecvMsg says why
		return h.ending(err)
	}
	// No header and no error: RecvMsg says why.
	head, err := stream.Header()
	if err == nil && head != nil {
		c.echo(s, head)
		h.answered(s)
		h.lastFor(g.hold)
	}
	for err == nil {
		var message []byte
		err = stream.RecvMsg(&message)
	}
	if errors.Is(err, io.EOF) {
		s.Told = true
		return nil
	}
	return h.ending(err)
}

// Close implements Target.
func (g *grpcTarget) Close() []MaskedConnect {
	g.clients.each(func(client *grpc.ClientConn) {
		if client != nil {
			_ = client.Close()
		}
	})
	g.dialer.masked() // waits; a call shows the connects that failed for it
	return nil
}

// echo takes what the answer's metadata say.
func (c *call) echo(s *Shot, head metadata.MD) {
	first := func(name string) string {
		if values := head.Get(name); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	if first(RequestID) != s.ID {
		return
	}
	s.Echoed, s.Pod, s.peer, s.Ledgered = true, first("X-Pod"), first("X-Peer"), first("X-Ledger") == "true"
}

const userAgent = "lameduck-verify"
