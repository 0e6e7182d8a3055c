package hub

import (
	"net"
	"net/netip"
	"sync"
)

// What callers may take from the hub, and how that stays fair among them:
// docs/decisions/0014-what-a-caller-may-take.md.
const (
	// An address has the calls of one pod, or of all pods of a node that hides their addresses.
	connectionsEach, connectionsFew, connectionsTotal = 1024, 8, 12_000
	// Calls whose pod is not known yet: each takes up to some 130 KiB.
	strangersEach, strangersFew, strangersTotal = 128, 4, 1024
	// A pod's calls: one for each container.
	callsEach, callsFew, callsTotal = 16, 2, 10_000
	// Calls of one address a second, and at once. Opening one takes some 0.1 ms.
	callRate, callBurst = 500, 2000
	// Readings of one pod past the cache, a second and at once, and of all: an agent whose container
	// is restarted asks a few times in its first second, and once a second from then on.
	readRate, readBurst       = 2, 2 * callsEach
	allReadRate, allReadBurst = 100, 500
	// Readings of Services past the cache, for one namespace and for all: each serves all pods of the
	// Service for a second.
	serviceRate, serviceBurst       = 50, 100
	allServiceRate, allServiceBurst = 500, 1000
)

// share bounds how much of something may be held at once. When all together hold the total, a
// caller that holds less than a few still gets more: nobody can keep others out by holding much.
type share[K comparable] struct {
	each, few, total int

	mu   sync.Mutex
	held map[K]int
	sum  int
}

func newShare[K comparable](each, few, total int) *share[K] {
	return &share[K]{each: each, few: few, total: total, held: map[K]int{}}
}

func (s *share[K]) takeSlot(who K) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held := s.held[who]; held >= s.each || held >= s.few && s.sum >= s.total {
		return false
	}
	s.held[who]++
	s.sum++
	return true
}

func (s *share[K]) giveSlot(who K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum--
	if s.held[who]--; s.held[who] == 0 {
		delete(s.held, who)
	}
}

// source is the address that a connection comes from; addresses that can't be read share one.
func source(remote string) netip.Addr {
	from, _ := netip.ParseAddrPort(remote)
	return from.Addr().Unmap().WithZone("")
}

// Bound gives a listener that closes connections of an address which has too many already.
func Bound(l net.Listener) net.Listener {
	return &bounded{l, newShare[netip.Addr](connectionsEach, connectionsFew, connectionsTotal)}
}

type bounded struct {
	net.Listener
	open *share[netip.Addr]
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if from := source(conn.RemoteAddr().String()); b.open.takeSlot(from) {
			return &counted{conn, sync.OnceFunc(func() { b.open.giveSlot(from) })}, nil
		}
		_ = conn.Close()
	}
}

type counted struct {
	net.Conn
	giveSlot func()
}

func (c *counted) Close() error {
	c.giveSlot()
	return c.Conn.Close()
}
