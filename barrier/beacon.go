package barrier

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// secret is what a question carries, so that it is known when it arrives.
type secret [16]byte

// Listener is where connections of the barrier's own arrive. Everybody in the cluster can open one; those
// that bring no secret of an open question are closed, and told nothing.
type Listener struct {
	address  netip.Addr
	hall     *hall
	handling sync.WaitGroup

	mu        sync.Mutex
	listening map[uint16]net.Listener
	open      map[secret]*arrival
}

// arrival is where a question came out.
type arrival struct {
	number uint16 // zero: it has not arrived
	from   netip.Addr
}

// NewListener gives one that listens at address, an address of this pod.
func NewListener(address netip.Addr) *Listener {
	return &Listener{address: address, hall: newHall(hallRoom), listening: map[uint16]net.Listener{}, open: map[secret]*arrival{}}
}

// Listen implements Beacon.
func (l *Listener) Listen(number uint16) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", netip.AddrPortFrom(l.address, number).String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return ErrTaken
	}
	if err != nil {
		return fmt.Errorf("listening for number %d: %w", number, err)
	}
	l.mu.Lock()
	l.listening[number] = listener
	l.mu.Unlock()
	l.handling.Go(func() { l.accept(number, listener) })
	return nil
}

// Forget implements Beacon.
func (l *Listener) Forget(number uint16) {
	l.mu.Lock()
	listener := l.listening[number]
	delete(l.listening, number)
	l.mu.Unlock()
	if listener != nil {
		_ = listener.Close()
	}
}

// Close ends all listening, and returns when nothing works any more.
func (l *Listener) Close() {
	l.mu.Lock()
	for number, listener := range l.listening {
		_ = listener.Close()
		delete(l.listening, number)
	}
	l.mu.Unlock()
	l.hall.empty()
	l.handling.Wait()
}

func (l *Listener) accept(number uint16, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of files, for instance
			time.Sleep(acceptPause)
			continue
		}
		v := l.hall.enter(conn)
		l.handling.Go(func() {
			defer l.hall.leave(v)
			l.receive(number, conn)
		})
	}
}

const (
	acceptPause = 10 * time.Millisecond
	readTimeout = time.Second
)

// receive reads a secret and notes where it arrived.
func (l *Listener) receive(number uint16, conn net.Conn) {
	var s secret
	if conn.SetReadDeadline(time.Now().Add(readTimeout)) != nil {
		return
	}
	if _, err := io.ReadFull(conn, s[:]); err != nil {
		return
	}
	from := remote(conn)
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.open[s]; a != nil && a.number == 0 {
		*a = arrival{number, from}
	}
}

// Ask implements Beacon. It opens a connection, sends a new secret, and finds out where that arrived: the
// answer is not in what comes back, so nobody else can give it.
func (l *Listener) Ask(ctx context.Context, node netip.AddrPort) (uint16, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.address, 0))}
	conn, err := dialer.DialContext(ctx, "tcp", node.String())
	if err != nil {
		return 0, fmt.Errorf("no connection to %v: %w", node, brief(err))
	}
	defer conn.Close()
	abort(conn)
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	var s secret
	_, _ = rand.Read(s[:]) // never fails
	a := &arrival{}
	l.mu.Lock()
	l.open[s] = a
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.open, s)
		l.mu.Unlock()
	}()
	if _, err = conn.Write(s[:]); err == nil {
		_, err = conn.Read(make([]byte, 1)) // until it is closed there
	}
	l.mu.Lock()
	arrived := *a
	l.mu.Unlock()
	switch {
	case arrived.number != 0 && arrived.from == l.address && node.Addr() != l.address:
		return 0, fmt.Errorf("the connection to %v never came there: something on the controller's own node, such as Cilium, leads it elsewhere: %w", node, ErrUnproved)
	case arrived.number != 0:
		return arrived.number, nil
	case err == nil:
		return 0, fmt.Errorf("something else answers at %v", node)
	case ctx.Err() != nil:
		return 0, fmt.Errorf("no answer at %v: timeout", node)
	}
	return 0, fmt.Errorf("the connection to %v was closed before it arrived", node)
}

func remote(conn net.Conn) netip.Addr {
	address, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return address.Addr().Unmap()
}

// abort has conn end by a reset when it is closed: neither side, nor a node's table of connections, keeps it.
func abort(conn net.Conn) {
	if tcp, is := conn.(*net.TCPConn); is {
		_ = tcp.SetLinger(0)
	}
}
