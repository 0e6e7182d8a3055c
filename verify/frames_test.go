package verify

import (
	"bytes"
	"net"
	"testing"

	"golang.org/x/net/http2"
)

// bytesConn reads what it was given, and writes to nowhere.
type bytesConn struct {
	net.Conn
	*bytes.Reader
}

func (c bytesConn) Read(p []byte) (int, error)  { return c.Reader.Read(p) }
func (c bytesConn) Write(p []byte) (int, error) { return len(p), nil }

// TestTurnedAway: a stream was turned away only if it was sent, and the server said that it did not take it.
func TestTurnedAway(t *testing.T) {
	headers := func(id uint32) func(f *http2.Framer) error {
		return func(f *http2.Framer) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: make([]byte, 40), EndHeaders: true})
		}
	}
	goAway := func(last uint32) func(f *http2.Framer) error {
		return func(f *http2.Framer) error { return f.WriteGoAway(last, http2.ErrCodeNo, []byte("later")) }
	}
	reset := func(code http2.ErrCode) func(f *http2.Framer) error {
		return func(f *http2.Framer) error { return f.WriteRSTStream(3, code) }
	}
	data := func(f *http2.Framer) error { return f.WriteData(1, false, make([]byte, 3)) }
	type script []func(f *http2.Framer) error
	tests := []struct {
		name      string
		sent, got script
		want      bool
	}{
		{"nothing said", script{headers(1)}, script{headers(1), data}, false},
		{"the last one is taken", script{headers(1), headers(3)}, script{goAway(3)}, false},
		{"the last one is not taken", script{headers(1), headers(3)}, script{data, goAway(1)}, true},
		{"a word that says nothing yet", script{headers(1), headers(3)}, script{goAway(1<<31 - 1)}, false},
		{"none was sent", nil, script{goAway(0)}, false},
		{"data begins no stream", script{headers(1), data}, script{goAway(1)}, false},
		{"refused", script{headers(3)}, script{reset(http2.ErrCodeRefusedStream)}, true},
		{"reset for another reason", script{headers(3)}, script{reset(http2.ErrCodeInternal)}, false},
	}
	write := func(t *testing.T, s script) []byte {
		var b bytes.Buffer
		framer := http2.NewFramer(&b, nil)
		for _, frame := range s {
			if err := frame(framer); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	for _, tt := range tests {
		sent, got := append([]byte(http2.ClientPreface), write(t, tt.sent)...), write(t, tt.got)
		for _, piece := range []int{1, 2, 5, 9, 10, 13, 1000} {
			w := newWire(bytesConn{Reader: bytes.NewReader(got)})
			for part := range pieces(sent, piece) {
				_, _ = w.Write(part)
			}
			for buffer := make([]byte, piece); ; {
				if _, err := w.Read(buffer); err != nil {
					break
				}
			}
			if w.turnedAway() != tt.want {
				t.Errorf("%s, in pieces of %d: %v, want %v", tt.name, piece, w.turnedAway(), tt.want)
			}
			// What grpc-go sent on its second attempt is a masked loss only then.
			c := &call{attempts: []attempt{{wire: w}, {wire: newWire(bytesConn{})}}}
			var s Shot
			c.learn(&s)
			if (s.Conns > 1) != tt.want {
				t.Errorf("%s: a call with two attempts was given to %d connections", tt.name, s.Conns)
			}
		}
	}
}

func pieces(b []byte, n int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			m := min(n, len(b))
			if !yield(b[:m]) {
				return
			}
			b = b[m:]
		}
	}
}

// FuzzFrames: bytes of any kind cost no memory, and are read alike in pieces of any size.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"), 3)
	f.Add([]byte("\xff\xff\xff\x01\x00\x80\x00\x00\x01abc"), 1)
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		type frame struct {
			kind    http2.FrameType
			stream  uint32
			payload string
		}
		scan := func(n int) (all []frame) {
			var scanner frames
			for part := range pieces(text, n) {
				scanner.scan(part, func(kind http2.FrameType, stream uint32, payload []byte) {
					all = append(all, frame{kind, stream, string(payload)})
				})
			}
			if len(scanner.head) > frameHead+payloadSeen {
				t.Errorf("%d bytes are kept", len(scanner.head))
			}
			return all
		}
		whole, parts := scan(max(1, len(text))), scan(min(max(1, piece), 1<<20))
		if len(whole) != len(parts) {
			t.Fatalf("%d frames, in pieces %d", len(whole), len(parts))
		}
		for i := range whole {
			if whole[i] != parts[i] {
				t.Errorf("frame %d: %+v, in pieces %+v", i, whole[i], parts[i])
			}
		}
	})
}
