package graceful

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// lastLooks are for how long a connection that is to be closed is looked at for a request that has arrived by
// then. On a busy machine a short time may be over before the look begins.
var lastLooks = []time.Duration{time.Millisecond, 3 * time.Millisecond, 9 * time.Millisecond}

// conn is a connection of an HTTP server, which knows what the server does with it.
type conn struct {
	net.Conn
	all    *conns
	opened time.Time
	tls    *tls.Conn // around it, if any
	frames frames    // what the server writes, if that is HTTP/2 without TLS

	state    atomic.Int32  // the last http.ConnState
	uses     atomic.Uint32 // how often it became active
	arrived  atomic.Bool   // something was read since the connection became idle
	waking   sync.Mutex    // held while the deadline for reading changes
	woken    atomic.Bool   // to be closed, if it is idle
	deadline atomic.Int64  // for reading, as the server set it: in ns since 1970, or zero

	// For the sweep alone: when it found the connection idle, zero if it was not, and its uses by then.
	idleSince time.Time
	idleUses  uint32
}

func (c *conn) enter(state http.ConnState) {
	switch state {
	case http.StateActive:
		c.uses.Add(1)
	case http.StateIdle:
		c.arrived.Store(false)
	}
	c.state.Store(int32(state))
	if state == http.StateClosed {
		c.all.remove(c)
	}
}

// idle reports whether the server waits for a request of which it has seen nothing; over TLS, the first one
// can't be told from the handshake.
func (c *conn) idle() bool {
	switch http.ConnState(c.state.Load()) {
	case http.StateNew:
		return !c.arrived.Load() || c.all.secure
	case http.StateIdle:
		return !c.arrived.Load() || c.isHTTP2()
	}
	return false
}

// isHTTP2 is valid for a connection that has served a request.
func (c *conn) isHTTP2() bool {
	return c.frames.seen() || c.tls != nil && c.tls.ConnectionState().NegotiatedProtocol == "h2"
}

// wake makes the server end an idle connection: Read returns io.EOF, unless a request has arrived.
func (c *conn) wake() {
	if !c.waking.TryLock() {
		return // it is looking
	}
	defer c.waking.Unlock()
	c.woken.Store(true)
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
}

// Read reads. A connection that was woken and is idle has ended.
func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if n > 0 {
			c.arrived.Store(true)
			return n, err
		}
		if !c.woken.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if n, err := c.readWoken(b); n > 0 || err != nil {
			return n, err
		}
	}
}

// readWoken looks whether a request has arrived at an idle connection that was woken. One that is not
// idle goes on with the deadline that the server has set.
func (c *conn) readWoken(b []byte) (n int, err error) {
	c.waking.Lock()
	defer c.waking.Unlock()
	c.woken.Store(false)
	if c.idle() {
		for _, look := range lastLooks {
			_ = c.Conn.SetReadDeadline(time.Now().Add(look))
			if n, _ = c.Conn.Read(b); n > 0 {
				break
			}
		}
		if n == 0 {
			return 0, io.EOF
		}
		c.arrived.Store(true)
	}
	var deadline time.Time
	if at := c.deadline.Load(); at != 0 {
		deadline = time.Unix(0, at)
	}
	_ = c.Conn.SetReadDeadline(deadline)
	return n, nil
}

// Write writes, and lets a GOAWAY in between two frames.
func (c *conn) Write(b []byte) (int, error) { return c.frames.write(c.Conn, b) }

// ReadFrom lets the system copy files by itself.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if from, ok := c.Conn.(io.ReaderFrom); ok && !c.frames.seen() {
		return from.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c}, r)
}

// SetReadDeadline remembers the deadline, for when the connection was woken and goes on.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.waking.Lock()
	defer c.waking.Unlock()
	at := int64(0)
	if !t.IsZero() {
		at = t.UnixNano()
	}
	c.deadline.Store(at)
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite sends the end of what is written, where that can be done alone.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close closes. A hijacked connection ends here.
func (c *conn) Close() error {
	c.all.remove(c)
	return c.Conn.Close()
}

// NetConn is the connection as it was accepted.
func (c *conn) NetConn() net.Conn { return c.Conn }

// SyscallConn is that of the connection as it was accepted.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if raw, ok := c.Conn.(syscall.Conn); ok {
		return raw.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// ours finds the conn in what the server calls the connection.
func ours(nc net.Conn) *conn {
	switch nc := nc.(type) {
	case *conn:
		return nc
	case *tls.Conn:
		c, _ := nc.NetConn().(*conn)
		return c
	}
	return nil
}
