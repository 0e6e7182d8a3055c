// Package backlog closes a listener without resetting the connections that wait in its queue.
//
// The kernel completes connections before the program accepts them. Closing a listener resets those that
// it has not accepted yet, although their clients may have sent a request by then.
package backlog

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// halfOpen is for how long connections that are half open may complete before the listener closes:
	// their clients have to answer once.
	halfOpen = 50 * time.Millisecond

	drainLimit = time.Second // if nobody calls Accept, or connections come faster than it is called
)

// looks are for how long the queue is looked at, and must be found empty.
var looks = []time.Duration{time.Millisecond, 3 * time.Millisecond, 9 * time.Millisecond}

// A Listener is one whose Drain empties its queue first.
type Listener struct {
	net.Listener
	alone    bool // no other process has the socket
	draining atomic.Bool
	emptied  sync.Once
	empty    chan struct{} // closed when Accept has found the queue empty
}

// Listen listens on a TCP address, as net.Listen does, but without Multipath TCP: Linux can't tell such a
// socket to take in no more connections.
func Listen(address string) (*Listener, error) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	l, err := plain.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	ours := New(l)
	ours.alone = true
	return ours, nil
}

// New wraps a listener, unless it is one already. One that has no SetDeadline, unlike the TCP and Unix
// listeners of package net, is closed as it is. The kernel goes on taking in connections while it drains,
// since another process may have the socket as well: systemd has those that it hands over.
func New(l net.Listener) *Listener {
	if already, ok := l.(*Listener); ok {
		return already
	}
	return &Listener{Listener: l, empty: make(chan struct{})}
}

// Accept accepts until Drain has emptied the queue, or Close was called; then its error is net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	for misses := 0; ; misses++ {
		c, err := l.Listener.Accept()
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !l.draining.Load() {
			return c, err
		}
		// The deadline ends Accept without a look at the queue if it has passed by then, as it may on
		// a busy machine: so there are several, each longer than the one before.
		if misses == len(looks) {
			l.emptied.Do(func() { close(l.empty) })
			return nil, net.ErrClosed
		}
		if err := l.deadline(looks[misses]); err != nil {
			return nil, err
		}
	}
}

func (l *Listener) deadline(in time.Duration) error {
	timed, ok := l.Listener.(interface{ SetDeadline(time.Time) error })
	if !ok {
		return errors.ErrUnsupported
	}
	return timed.SetDeadline(time.Now().Add(in))
}

// Drain closes the listener once everything in its queue has been accepted: something has to go on
// calling Accept. Of a listener made by Listen, on Linux, the kernel is told first to take in no more
// connections, so that none can complete behind the last look; their clients try again, and are refused.
func (l *Listener) Drain() error {
	if !l.draining.Swap(true) {
		wait := looks[0]
		if l.alone && refuseMore(l.Listener) == nil {
			wait = halfOpen
		}
		if l.deadline(wait) == nil {
			limit := time.NewTimer(drainLimit)
			defer limit.Stop()
			select {
			case <-l.empty:
			case <-limit.C:
			}
		}
	}
	return l.Close()
}
