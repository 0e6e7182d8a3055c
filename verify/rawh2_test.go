package verify

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rawH2 is a server of HTTP/2 that writes each frame itself, so that it can do exactly one thing wrong.
// It answers the probes, and does with all else what a test wants.
func rawH2(t *testing.T, misbehave func(r *rawStream)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { serveRawH2(c, misbehave) })
			t.Cleanup(func() { c.Close() })
		}
	})
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { listener.Close() })
	return "http://" + listener.Addr().String()
}

// rawStream is one request.
type rawStream struct {
	*http2.Framer
	conn   net.Conn
	id     uint32
	before int // requests on this connection before it
	fields map[string]string
}

func serveRawH2(c net.Conn, misbehave func(r *rawStream)) {
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(c, c)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = framer.WriteSettings()
	for before := 0; ; {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				_ = framer.WritePing(true, frame.Data)
			}
		case *http2.MetaHeadersFrame:
			r := &rawStream{framer, c, frame.StreamID, before, map[string]string{}}
			for _, field := range frame.Fields {
				r.fields[field.Name] = field.Value
			}
			if strings.HasPrefix(r.fields["x-request-id"], "probe") {
				r.answer()
				continue
			}
			before++
			misbehave(r)
		}
	}
}

// head begins an answer, or ends it.
func (r *rawStream) head(end bool, fields ...string) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		_ = encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	_ = r.WriteHeaders(http2.HeadersFrameParam{StreamID: r.id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end})
}

// begin begins a good answer.
func (r *rawStream) begin() {
	kind := "application/json"
	if r.grpc() {
		kind = "application/grpc"
	}
	r.head(false, ":status", "200", "content-type", kind, "x-request-id", r.fields["x-request-id"], "x-pod", "app-1")
}

func (r *rawStream) grpc() bool {
	return strings.HasPrefix(r.fields["content-type"], "application/grpc")
}

// answer is a good answer; that of a method called Watch stays open.
func (r *rawStream) answer() {
	r.begin()
	switch {
	case r.grpc():
		_ = r.WriteData(r.id, false, make([]byte, 5)) // an empty message
		if !strings.HasSuffix(r.fields[":path"], "Watch") {
			r.head(true, "grpc-status", "0")
		}
	default:
		_ = r.WriteData(r.id, true, fmt.Appendf(nil, `{"id":%q,"pod":"app-1"}`, r.fields["x-request-id"]))
	}
}

// cut ends the connection, by a reset or else by a close.
func (r *rawStream) cut(reset bool) {
	c := r.conn.(*net.TCPConn)
	if !reset {
		_ = c.CloseWrite() // with data unread, Close would be a reset
		return
	}
	_ = c.SetLinger(0)
	c.Close()
}
