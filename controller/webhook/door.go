package webhook

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// maxStrangers bounds the connections whose callers have not yet shown that they are the API
// server: at some 50 KiB each, with TLS.
const maxStrangers = 256

// door is a listener that keeps strangers few. When there are too many, the oldest connection of
// the address that has most of them makes room: so one caller can't shut out another, and after a
// handshake the API server is no stranger any more.
type door struct {
	net.Listener

	mu        sync.Mutex
	strangers []*visitor // the oldest first
}

// visitor is a connection.
type visitor struct {
	net.Conn
	door *door
	from netip.Addr
}

// Accept lets the next one in, and closes another if it must.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	v := &visitor{Conn: conn, door: d}
	if from, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		v.from = from.Addr()
	}
	if out := d.enter(v); out != nil {
		_ = out.Close()
	}
	return v, nil
}

// enter adds a stranger and gives the one that has to leave, if there are too many.
func (d *door) enter(v *visitor) *visitor {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.strangers = append(d.strangers, v)
	if len(d.strangers) <= maxStrangers {
		return nil
	}
	count := map[netip.Addr]int{}
	for _, one := range d.strangers {
		count[one.from]++
	}
	out := d.strangers[0]
	for _, one := range d.strangers {
		if count[one.from] > count[out.from] {
			out = one
		}
	}
	return out
}

// known notes that the caller is the API server, or has left.
func (d *door) known(v *visitor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.Index(d.strangers, v); i >= 0 {
		d.strangers = slices.Delete(d.strangers, i, i+1)
	}
}

// Close also makes room.
func (v *visitor) Close() error {
	v.door.known(v)
	return v.Conn.Close()
}

// visitorOf is the connection below TLS.
func visitorOf(conn net.Conn) *visitor {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	v, _ := conn.(*visitor)
	return v
}
