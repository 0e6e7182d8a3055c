package agent

import (
	"time"

	"github.com/lameduck-dev/lameduck/agent/sockets"
)

// This file is the model of what is in flight: for every peer, on every connection. What the
// kernel's tcp_info can tell, what it cannot, and how both were measured:
// docs/decisions/0043-what-is-in-flight.md.
//
// The kernel tells when data last came from the peer, when it last went to it, and whether the
// peer has it. It does not tell where a request or an answer ends. So a connection is in one of
// five states:
//
//   - opened: nothing was sent either way. Its request may be on the way.
//   - asked: the peer has sent last. A request, or a part of one, has no answer yet. Certain.
//   - taken: the pod has sent last, and a peer that is alive has not got all of it. Certain.
//   - answering: the pod has sent last, and by the pace of this connection there is more to come:
//     a stream is between two chunks, or others of many requests at once have no answer yet.
//   - idle: none of these.
//
// On a connection with one exchange at a time (HTTP/1.1), the silence after the last data sent may
// be the pause between two chunks, until it has lasted twice as long as the exchange. For short
// requests that is little more than a look.
type state uint8

const (
	idle state = iota
	opened
	asked
	taken
	answering
)

// All in milliseconds, as the kernel counts.
const (
	// opening is how old a connection may be that has carried nothing until it counts as idle: where
	// the processors of its client are taken, seconds pass from the connect to the first byte (9 s were
	// seen), and a plain sleep of 10 s outlasts those.
	opening = 10_000
	// stalled is how long a peer may acknowledge nothing until it counts as gone: the kernel
	// retransmits to a client that vanished for many minutes.
	stalled = 3000
	// abandoned is how old a request may be on a connection that the peer has closed. Most such
	// connections are leaks; a peer that only closed its sending side gets its answer sooner.
	abandoned = 30_000
	// unsure bounds how long more of an answer is waited for when no pause of its connection has
	// been seen.
	unsure = 2000
	// burst is the longest pause within what was sent at once. The drain waits longer than that
	// for any connection.
	burst = 50
	// leastPatience is for connections with parts: the next one may be late only because the
	// processor is busy.
	leastPatience = 500
	// A connection with parts is idle when it has been silent for partPauses times its longest
	// pause, and for half of the longest time that it has taken to answer. One on which no part
	// was seen waits for streamPauses times the longest pause of the pod's other streams.
	partPauses, streamPauses, latencyShare = 3, 2, 2
	// exchanges is for how many times the length of an exchange a pause in it is waited out.
	exchanges = 2
)

// flow is what the looks have shown of one connection: 36 bytes, 73 with their place in the map.
type flow struct {
	look    uint32 // the last one that showed it
	in, out uint32 // segments with data by then
	// In ms of the watch's clock. first is when data first came after the pod had last sent.
	received, sent, first int32
	pause                 int32 // ms, the longest between two parts
	latency               int32 // ms, the longest from first to the next answer
	// parts: not one exchange at a time. Data has come twice with none sent between (an upload,
	// or several requests), or was sent twice with none come (a stream, or several answers).
	parts bool
}

// seeConn notes a connection at the time now, in ms of the watch's clock. It returns the pause of a
// stream if the connection has just ended one, else 0.
func (f *flow) seeConn(c sockets.Conn, now int32) (pause int32) {
	received, sent := now-ago(c.RecvAgo), now-ago(c.SentAgo)
	known, came, went := f.in+f.out > 0, c.SegsIn != f.in, c.SegsOut != f.out
	waiting := f.out == 0 || f.received > f.sent // for an answer, when it was last seen
	switch {
	case !known:
		f.first = received
	case came && went: // their order does not tell what they belong to
		if waiting {
			f.latency = max(f.latency, sent-f.first)
		}
		f.first = received
	case came && waiting, came && f.parts:
		f.part(received - f.received)
	case came:
		f.first = received
	case went && waiting:
		f.latency = max(f.latency, sent-f.first)
	case went:
		pause = sent - f.sent
		f.part(pause)
	}
	if came && known && !waiting {
		f.first = received
	}
	f.in, f.out, f.received, f.sent = c.SegsIn, c.SegsOut, received, sent
	return pause
}

// part notes a pause between two parts. A pause that was longer than the connection would have been
// waited for had nothing in flight.
func (f *flow) part(pause int32) {
	if pause <= burst || f.parts && pause >= f.patience(0) {
		return
	}
	f.parts, f.pause = true, max(f.pause, pause)
}

// state is for the connection as it was just seen. pace is the longest pause in the pod's streams.
func (f *flow) state(c sockets.Conn, pace int32) state {
	answered := c.Sent && c.RecvAgo >= c.SentAgo
	switch {
	case c.Unacked && c.Received && c.AckAgo < stalled && answered:
		return taken
	case !c.Received && !c.Sent && c.Established && ago(c.RecvAgo) < opening:
		return opened
	case !c.Received, !c.Established && !c.PeerClosed:
		return idle
	case !answered && c.PeerClosed && c.RecvAgo >= abandoned:
		return idle
	case !answered:
		return asked
	case ago(c.SentAgo) < f.patience(pace):
		return answering
	}
	return idle
}

// patience is for how many ms after data was last sent a connection is not yet idle.
func (f *flow) patience(pace int32) int32 {
	if f.parts {
		return max(partPauses*f.pause, f.latency/latencyShare, leastPatience)
	}
	return max(min(exchanges*(f.sent-f.received), unsure), streamPauses*min(pace, unsure))
}

// movedOn is for a connection whose peer has sent within the last since ms. It reports whether what
// was in flight before that has been answered, although the connection is busy: with one exchange
// at a time, the next request follows the answer to the last. With parts that is only likely, once
// more time has passed than any answer has taken.
func (f *flow) movedOn(c sockets.Conn, since, pace int32) bool {
	return c.Sent && ago(c.SentAgo) < since && (!f.parts || since >= max(f.latency, f.patience(pace)))
}

// ago keeps the watch's clock from overflowing: 12 days are as good as forever.
func ago(ms uint32) int32 { return int32(min(ms, 1<<30)) }

// milliseconds is d on the watch's clock.
func milliseconds(d time.Duration) int32 { return int32(min(max(d.Milliseconds(), -1<<30), 1<<30)) }
