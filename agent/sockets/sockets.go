// Package sockets reads what an unprivileged process can see of its pod's TCP connections.
//
// It asks the kernel by inet_diag (NETLINK_SOCK_DIAG), which needs no capability and passes
// the RuntimeDefault seccomp profile. Where that is refused (gVisor, stricter profiles) it
// reads /proc/net/tcp, which is slower and can't tell what is in flight.
package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
)

// maxConns bounds what one look holds: 64 bytes each. It is beyond what one pod's port
// can usefully hold; more is an error rather than memory without end.
const maxConns = 200_000

// Conn is one inbound connection: one whose local port has, or had, a listener.
type Conn struct {
	// ID names the connection as long as it lives, and no other one meanwhile: the kernel's
	// socket cookie, or from the tables a hash of its two ends.
	ID   uint64
	Peer netip.Addr // IPv4 peers of an IPv6 listener are given as IPv4
	Port uint16     // the local port
	Self bool       // both ends have the same address: the pod speaks to itself

	Established bool
	PeerClosed  bool   // the peer has closed its side, the application has not
	Received    bool   // data from the peer has arrived
	Sent        bool   // data has been sent to the peer
	Unacked     bool   // data is on its way to the peer
	RecvAgo     uint32 // ms since data last arrived
	SentAgo     uint32 // ms since data was last sent
	AckAgo      uint32 // ms since the peer last acknowledged anything
	SegsIn      uint32 // segments with data from the peer so far; wraps
	SegsOut     uint32 // segments with data to the peer so far; wraps
}

// Past is what the kernel remembers of a peer's connections to one port that the pod closed first: it
// keeps each for a minute.
type Past struct {
	Peer    netip.Addr
	Port    uint16
	Self    bool
	Count   int
	Seconds uint64 // bit n: one of them ended between n and n+1 s before the look
}

// Look is what one look saw.
type Look struct {
	// Opens counts the connections ever accepted in the pod's network namespace.
	Opens uint64
	// Conns are the inbound connections, valid until the next look.
	Conns []Conn
	// Gone are inbound connections that ended since the last look, not all of them if
	// there were many. Each may or may not have been in an earlier look.
	Gone []Conn
	// Past are connections that had ended before the first look, which alone has them; PastMore says
	// that there were those of more peers than it holds.
	Past     []Past
	PastMore bool
	// Exact is false when only the tables could be read: then what is in flight is not known.
	Exact bool
}

// Reader looks at the connections. Looks are not for concurrent use; Close is at any time.
type Reader struct {
	looking sync.Mutex // held by a look
	closed  bool

	proc    string // "/proc"
	diag    *diag  // nil when refused
	refused error
	ports   []uint16 // sorted; every port ever seen listening, since connections outlive listeners
	conns   []Conn
	gone    []Conn
	past    pasts
}

// Open makes a Reader. It always succeeds: Refused says what is not available, and each Look's
// error says what can't be read.
func Open() *Reader {
	r := &Reader{proc: "/proc"}
	r.diag, r.refused = openDiag()
	return r
}

// Refused says why the kernel's inet_diag can't be used; nil when it is.
func (r *Reader) Refused() error { return r.refused }

// Close gives the kernel's sockets back; not while a look is under way, since that may hang:
// then they go with the process.
func (r *Reader) Close() {
	if !r.looking.TryLock() {
		return
	}
	defer r.looking.Unlock()
	if r.diag != nil && !r.closed {
		r.diag.close()
	}
	r.closed = true
}

var errClosed = errors.New("the reader is closed")

// Look reads the present state. An error leaves the Reader usable.
func (r *Reader) Look() (Look, error) {
	r.looking.Lock()
	defer r.looking.Unlock()
	if r.closed {
		return Look{}, errClosed
	}
	// Opens first: a connection that comes meanwhile is then seen before it is counted, and
	// never counted before it could be seen.
	opens, err := passiveOpens(r.proc)
	if err != nil {
		return Look{}, err
	}
	r.conns, r.gone = r.conns[:0], r.gone[:0]
	r.past.of, r.past.more = nil, false // of a look that failed half-way
	if r.diag == nil {
		if err := r.readTables(); err != nil {
			return Look{}, err
		}
		return r.past.addTo(Look{Opens: opens, Conns: r.conns}), nil
	}
	if err := r.readDiag(); err != nil {
		return Look{}, fmt.Errorf("inet_diag: %w", errors.Join(err, r.diag.reset()))
	}
	return r.past.addTo(Look{Opens: opens, Conns: r.conns, Gone: r.gone, Exact: true}), nil
}

func (r *Reader) readDiag() error {
	for _, family := range families {
		err := r.diag.dump(request(family, listen, nil), func(s diagSock) error {
			r.listens(s.port)
			return nil
		})
		if err != nil {
			return err
		}
	}
	// What ended is read before what is there, so that nothing falls between the two.
	err := r.diag.destroyed(func(s diagSock) {
		if s.peerPort != 0 && len(r.gone) < maxConns && r.inbound(s.port) {
			r.gone = append(r.gone, s.conn())
		}
	})
	if err != nil {
		return err
	}
	if len(r.ports) == 0 {
		return nil
	}
	filter, in := portFilter(r.ports), open
	if !r.past.told {
		in |= timeWait
	}
	for _, family := range families {
		err := r.diag.dump(request(family, in, filter), func(s diagSock) error {
			switch {
			case !r.inbound(s.port):
				return nil
			case s.state == stateTimeWait:
				r.past.add(s.peer, s.port, s.local == s.peer, s.expires)
				return nil
			}
			return r.add(s.conn())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) readTables() error {
	for _, table := range []string{"tcp", "tcp6"} {
		path := r.proc + "/net/" + table
		// Listeners come first in the table, so one pass is enough for most ports; a new
		// listener's connections count from the next look on.
		err := readTable(path, func(row tableRow) error {
			if row.state == stateListen {
				r.listens(row.port)
				return nil
			}
			if !r.inbound(row.port) {
				return nil
			}
			if row.state == stateTimeWait {
				r.past.add(row.peer, row.port, row.local == row.peer, row.expires)
			}
			return r.add(row.conn())
		})
		if table == "tcp6" && errors.Is(err, os.ErrNotExist) {
			return nil // a kernel without IPv6
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) add(c Conn) error {
	if len(r.conns) >= maxConns {
		return fmt.Errorf("more than %d connections", maxConns)
	}
	r.conns = append(r.conns, c)
	return nil
}

func (r *Reader) listens(port uint16) {
	if i, there := slices.BinarySearch(r.ports, port); !there {
		r.ports = slices.Insert(r.ports, i, port)
	}
}

func (r *Reader) inbound(port uint16) bool {
	_, there := slices.BinarySearch(r.ports, port)
	return there
}
