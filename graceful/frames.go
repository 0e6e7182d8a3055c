package graceful

import (
	"io"
	"sync"
	"sync/atomic"
)

// frames follows what an HTTP/2 server writes without TLS, so that a GOAWAY can be put between two
// frames. The server's own names the last stream that it has seen: a request that crosses it on the way
// is dropped. This one names the highest there can be, so the client opens no more streams, and
// all that it has opened are served. The server's follows when they are done.
type frames struct {
	kind atomic.Int32 // protocol

	mu      sync.Mutex
	header  [frameHeader]byte // of the frame that is being written
	have    int               // bytes of it
	payload int               // bytes of the frame that are still to come
	block   bool              // headers go on in the next frame, which must follow at once
	answers bool              // a stream was answered
	wanted  bool              // a GOAWAY
	sent    bool
}

// What a connection speaks.
const (
	unknown int32 = iota
	http2
	other
)

// From RFC 9113, section 4.1 and 6.
const (
	frameHeader      = 9
	typeHeaders      = 0x1
	typeSettings     = 0x4
	typeContinuation = 0x9
	flagEndHeaders   = 0x4
)

// goAway is a GOAWAY of 8 bytes on stream 0: the last stream is 2^31-1, the error NO_ERROR.
var goAway = []byte{0, 0, 8, 0x7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// seen reports whether the connection speaks HTTP/2 without TLS.
func (f *frames) seen() bool { return f.kind.Load() == http2 }

// write writes to the connection. The first byte decides: HTTP/2 begins with a SETTINGS frame, whose
// length is below 65536; no answer of HTTP/1 and no record of TLS begins with zero.
func (f *frames) write(c io.Writer, b []byte) (int, error) {
	switch {
	case len(b) == 0 || f.kind.Load() == other:
		return c.Write(b)
	case f.kind.Load() == unknown:
		if len(b) < frameHeader || b[0] != 0 || b[3] != typeSettings {
			f.kind.Store(other)
			return c.Write(b)
		}
		f.kind.Store(http2)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	written := 0
	for {
		// Up to the end of a frame after which a GOAWAY is due, or all of it.
		part := f.next(b[written:])
		n, err := c.Write(b[written : written+part])
		written += n
		if err != nil {
			return written, err
		}
		if err := f.put(c); err != nil || written == len(b) {
			return written, err
		}
	}
}

// next follows the frames in b, and gives the length of the part after which a GOAWAY is due, or that of b.
func (f *frames) next(b []byte) int {
	at := 0
	for at < len(b) {
		if f.have < frameHeader {
			n := copy(f.header[f.have:], b[at:])
			f.have += n
			at += n
			if f.have < frameHeader {
				break
			}
			f.payload = int(f.header[0])<<16 | int(f.header[1])<<8 | int(f.header[2])
			switch f.header[3] {
			case typeHeaders, typeContinuation:
				f.answers, f.block = true, f.header[4]&flagEndHeaders == 0
			}
		}
		n := min(f.payload, len(b)-at)
		f.payload -= n
		at += n
		if f.payload == 0 {
			f.have = 0
			if f.due() {
				return at
			}
		}
	}
	return at
}

// due reports whether a GOAWAY is to be put here, if here is between two frames. A client that got it
// before its first answer would come again at once, and again.
func (f *frames) due() bool { return f.wanted && !f.sent && f.answers && f.have == 0 && !f.block }

func (f *frames) put(c io.Writer) error {
	if !f.due() {
		return nil
	}
	f.sent = true
	_, err := c.Write(goAway)
	return err
}

// leave tells the client to open no more streams, now or after its first answer.
func (f *frames) leave(c io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wanted = true
	_ = f.put(c) // the server will find out as well
}
