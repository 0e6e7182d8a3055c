package zookeeper

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// Bounds of one session. It is kept by being used: a keeper looks once a second.
const (
	sessionTimeout = 10 * time.Second
	maxAnswer      = 2 << 20 // the names of maxNodes nodes of 100 bytes
)

// mostFrame is more than a ZooKeeper sends (jute.maxbuffer, 4 MB on its clients' side): four bytes that
// say more are no size.
const mostFrame = 64 << 20

// The requests; the numbers are the protocol's.
const (
	opDelete      = 2
	opGetData     = 4
	opGetChildren = 8
	opSync        = 9
	opSetAuth     = 100
	opClose       = -11

	xidAuth = -4
)

// code is a server's answer to a request.
type code int32

const (
	codeNoNode     code = -101
	codeNoAuth     code = -102
	codeBadVersion code = -103
	codeAuthFailed code = -115
)

func (c code) Error() string {
	switch c {
	case codeNoNode:
		return "no such node"
	case codeNoAuth:
		return "not permitted"
	case codeBadVersion:
		return "the node has changed"
	case codeAuthFailed:
		return "authentication failed"
	case -111:
		return "the node has children"
	case -112:
		return "the session has expired"
	case -8:
		return "it does not accept that path"
	}
	return fmt.Sprintf("ZooKeeper's error %d", int32(c))
}

// session is one connection to one server.
type session struct {
	server  string
	conn    net.Conn
	timeout time.Duration // of one request
	xid     int32
	dead    bool // the connection is of no use any more
}

// dial opens a session, with the user's name and password if there are any.
func (c *Client) dial(ctx context.Context, server string) (*session, error) {
	username, password, err := c.spec.Login()
	if err != nil {
		return nil, err
	}
	s := &session{server: server, timeout: c.spec.Duration("timeout", web.Timeout)}
	within, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("no answer within %v", s.timeout))
	defer cancel()
	if s.conn, err = c.connect(within, server); err != nil {
		return nil, fmt.Errorf("%s: %w", server, plain(within, err))
	}
	if err := s.open(within); err != nil {
		s.close()
		return nil, err
	}
	if username == "" {
		return s, nil
	}
	var auth encoder
	auth.number(0)
	auth.text("digest")
	auth.text(username + ":" + password)
	if _, err := s.exchange(within, xidAuth, opSetAuth, auth.out); err != nil {
		s.close()
		if errors.Is(err, codeAuthFailed) {
			return nil, fmt.Errorf("%w: %s does not take a user and password (digest): %w", registry.ErrDenied, server, err)
		}
		return nil, err
	}
	return s, nil
}

func (c *Client) connect(ctx context.Context, server string) (net.Conn, error) {
	if c.tls == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", server)
	}
	return (&tls.Dialer{Config: c.tls}).DialContext(ctx, "tcp", server)
}

// open asks for a new session.
func (s *session) open(ctx context.Context) error {
	var hello encoder
	hello.number(0) // the protocol's version
	hello.long(0)   // nothing was seen before
	hello.number(int32(sessionTimeout / time.Millisecond))
	hello.long(0)
	hello.text(strings.Repeat("\x00", 16))
	hello.truth(false) // not read-only: a server without a quorum would show what it last knew
	answer, err := s.roundTrip(ctx, hello.out)
	if err != nil {
		return err
	}
	d := decoder{in: answer}
	version, timeout := d.number(), d.number()
	if d.long(); d.err != nil || version != 0 || timeout <= 0 {
		return fmt.Errorf("%s: it gives no session: %w", s.server, errors.Join(d.err))
	}
	return nil
}

// call makes one request; an error of type code is the server's answer to it.
func (s *session) call(ctx context.Context, op int32, request []byte) (decoder, error) {
	s.xid++
	return s.exchange(ctx, s.xid, op, request)
}

func (s *session) exchange(ctx context.Context, xid, op int32, request []byte) (decoder, error) {
	var e encoder
	e.number(xid)
	e.number(op)
	answer, err := s.roundTrip(ctx, append(e.out, request...))
	if err != nil {
		return decoder{}, err
	}
	d := decoder{in: answer}
	got := d.number()
	d.long() // the transaction that it has seen
	problem := code(d.number())
	if d.err != nil || got != xid {
		s.dead = true
		return d, fmt.Errorf("%s: %w", s.server, errCut)
	}
	if problem != 0 {
		return d, fmt.Errorf("%s: %w", s.server, problem)
	}
	return d, nil
}

// roundTrip sends one message and reads the next. No others come: nothing is watched.
func (s *session) roundTrip(ctx context.Context, message []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("no answer within %v", s.timeout))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) }) // it then fails at once
	answer, err := s.frames(message)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		s.dead = true
		return nil, fmt.Errorf("%s: %w", s.server, plain(ctx, err))
	}
	return answer, nil
}

func (s *session) frames(message []byte) ([]byte, error) {
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(message))) //nolint:gosec // some hundred bytes
	if _, err := s.conn.Write(append(frame, message...)); err != nil {
		return nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(s.conn, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	switch {
	case size > mostFrame:
		return nil, fmt.Errorf("it is not ZooKeeper, or this is not its port for clients: it answers %q", head)
	case size > maxAnswer:
		return nil, fmt.Errorf("it answers with %d MB, at most %d MB are read: the folder has too many nodes", size>>20, maxAnswer>>20)
	}
	// The size is the server's word alone: memory is taken as the bytes come.
	answer, err := io.ReadAll(io.LimitReader(s.conn, int64(size)))
	if err == nil && len(answer) < int(size) {
		err = io.ErrUnexpectedEOF
	}
	return answer, err
}

// close ends the session. That is a courtesy: it would end by itself after sessionTimeout.
func (s *session) close() {
	if !s.dead {
		_ = s.conn.SetDeadline(time.Now().Add(time.Second))
		var e encoder
		e.number(0)
		e.number(opClose)
		_, _ = s.frames(e.out)
	}
	_ = s.conn.Close()
}

// plain says what a transport error means, and what to do.
func plain(ctx context.Context, err error) error {
	var notTLS tls.RecordHeaderError
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case web.Certificate(err) != nil:
		return web.Certificate(err)
	case errors.As(err, &notTLS):
		return fmt.Errorf("it does not speak TLS: leave tls://, ca-file= and cert-file= away (%w)", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it closed the connection without an answer: either it has no quorum, or only one of both sides speaks TLS (tls://HOST:PORT) (%w)", err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer in time")
	}
	return err
}
