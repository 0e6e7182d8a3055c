package verify

import (
	"encoding/binary"
	"net"
	"sync"

	"golang.org/x/net/http2"
)

// wire is an HTTP/2 connection, TLS taken off, that watches which streams the client began and which
// of them the server says that it did not take. A client sends those again in silence.
type wire struct {
	net.Conn
	below *conn

	mu      sync.Mutex
	sent    frames
	got     frames
	begun   uint32 // last stream that the client began
	taken   uint32 // last stream that the server takes, once it said GOAWAY
	goAway  bool
	refused bool // the server refused a stream
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c, below: connOf(c)}
	w.sent.skip = len(http2.ClientPreface)
	return w
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got.scan(p[:n], func(kind http2.FrameType, _ uint32, payload []byte) {
		switch kind {
		case http2.FrameGoAway:
			w.goAway, w.taken = true, streamID(payload)
		case http2.FrameRSTStream:
			w.refused = w.refused || http2.ErrCode(binary.BigEndian.Uint32(payload)) == http2.ErrCodeRefusedStream
		}
	})
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.sent.scan(p, func(kind http2.FrameType, stream uint32, _ []byte) {
		if kind == http2.FrameHeaders {
			w.begun = max(w.begun, stream)
		}
	})
	w.mu.Unlock()
	return w.Conn.Write(p)
}

// turnedAway reports whether the server did not take a stream that was sent to it.
func (w *wire) turnedAway() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused || w.goAway && w.begun > w.taken
}

// frames finds the frames in one direction of a connection.
type frames struct {
	skip int    // bytes that are not looked at
	head []byte // of a frame, as far as it came
}

const (
	frameHead   = 9 // bytes
	payloadSeen = 4 // bytes of a payload that are looked at: what GOAWAY and RST_STREAM begin with
)

// scan calls seen with each frame's type, its stream and the first bytes of its payload, zeros where it is shorter.
func (f *frames) scan(p []byte, seen func(kind http2.FrameType, stream uint32, payload []byte)) {
	for len(p) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(p))
			f.skip -= n
			p = p[n:]
			continue
		}
		n := min(f.wanted()-len(f.head), len(p))
		f.head = append(f.head, p[:n]...)
		p = p[n:]
		if len(f.head) < f.wanted() {
			continue
		}
		var payload [payloadSeen]byte
		copy(payload[:], f.head[frameHead:])
		seen(http2.FrameType(f.head[3]), streamID(f.head[5:]), payload[:])
		f.skip, f.head = f.length()+frameHead-f.wanted(), f.head[:0]
	}
}

// wanted is how much of the frame is looked at, as far as that is known yet.
func (f *frames) wanted() int {
	if len(f.head) < frameHead {
		return frameHead
	}
	return frameHead + min(f.length(), payloadSeen)
}

// length is that of the frame's payload.
func (f *frames) length() int { return int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2]) }

// streamID is the number of a stream; its first bit means nothing.
func streamID(b []byte) uint32 { return binary.BigEndian.Uint32(b) &^ (1 << 31) }
