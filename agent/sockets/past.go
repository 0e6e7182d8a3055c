package sockets

import "net/netip"

const (
	// timeWaitMillis is for how long Linux keeps a connection in TIME_WAIT, always.
	timeWaitMillis = 60_000
	// maxPast bounds the peers, each with a port, whose past connections a look holds.
	maxPast = 8192
)

type pastKey struct {
	peer netip.Addr
	port uint16
	self bool
}

// pasts gathers the connections in TIME_WAIT for the first look.
type pasts struct {
	of   map[pastKey]*Past
	more bool
	told bool // a look has had them
}

// add notes a connection that is kept for so many ms more.
func (p *pasts) add(peer netip.Addr, port uint16, self bool, expires uint32) {
	if p.told {
		return
	}
	key := pastKey{peer, port, self}
	past := p.of[key]
	if past == nil {
		if len(p.of) == maxPast {
			p.more = true
			return
		}
		if p.of == nil {
			p.of = map[pastKey]*Past{}
		}
		past = &Past{Peer: peer, Port: port, Self: self}
		p.of[key] = past
	}
	past.Count++
	past.Seconds |= 1 << ((timeWaitMillis - min(expires, timeWaitMillis)) / 1000)
}

// addTo gives them to the look, if it is the first.
func (p *pasts) addTo(look Look) Look {
	if p.told {
		return look
	}
	for _, past := range p.of {
		look.Past = append(look.Past, *past)
	}
	look.PastMore, p.of, p.told = p.more, nil, true
	return look
}
