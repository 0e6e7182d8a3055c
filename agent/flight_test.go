package agent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/agent/sockets"
)

// served is a real server on a real socket, with the agent's view of it.
type served struct {
	t       *testing.T
	address string
	port    uint16
	reader  *sockets.Reader
	watch   watch
	// written is when the server last wrote a part, in ns; 0 before.
	written atomic.Int64
	parts   atomic.Int32 // written so far
}

// serveWith serves with HTTP/1.1 and HTTP/2 without TLS. A part is written by s.part.
func serveWith(t *testing.T, handler func(s *served, w http.ResponseWriter, r *http.Request)) *served {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := observe(t, l)
	server := &http.Server{Protocols: protocols(true), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(s, w, r) })}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return s
}

// observe lets the test run beside the others, which wait as it does.
func observe(t *testing.T, l net.Listener) *served {
	t.Parallel()
	s := &served{t: t, address: l.Addr().String(), port: uint16(l.Addr().(*net.TCPAddr).Port), reader: sockets.Open()}
	t.Cleanup(s.reader.Close)
	c := config()
	c.Ports = []uint16{s.port}
	s.watch = newWatch(c, func(sockets.Conn) bool { return false })
	s.look()
	return s
}

func protocols(h1 bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(h1)
	p.SetUnencryptedHTTP2(true)
	return p
}

func (s *served) part(w http.ResponseWriter) {
	fmt.Fprintf(w, "data: %d\n\n", s.parts.Load())
	if err := http.NewResponseController(w).Flush(); err != nil {
		s.t.Log(err) // the client has gone
	}
	s.written.Store(time.Now().UnixNano())
	s.parts.Add(1)
}

// look is one look, and how many connections have something in flight.
func (s *served) look() int {
	s.t.Helper()
	began := time.Now()
	look, err := s.reader.Look()
	if err != nil {
		s.t.Fatal(err)
	}
	s.watch.seeLook(look, began, time.Now())
	return s.watch.busy
}

// inFlightWhile looks until holds does not hold any more: in each look before, something is in
// flight. Where the server itself is late with a part by more than its pause, nothing is said.
func (s *served) inFlightWhile(pause time.Duration, holds func() bool) {
	s.t.Helper()
	for looks := 0; ; looks++ {
		busy := s.look()
		late := pause > 0 && time.Since(time.Unix(0, s.written.Load())) > 2*pause
		if !holds() {
			if looks == 0 {
				s.t.Error("it was over before it was looked at")
			}
			return
		}
		if busy == 0 && !late {
			s.t.Fatalf("look %d: nothing in flight after %d parts: %+v", looks, s.parts.Load(), s.watch.flows)
		}
		time.Sleep(lookEvery)
	}
}

// ends looks until nothing is in flight, and that it stays so.
func (s *served) ends() {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); s.look() > 0; time.Sleep(lookEvery) {
		if time.Now().After(deadline) {
			s.t.Fatalf("still in flight: %+v", s.watch.flows)
		}
	}
	for range 2 * calmLooks {
		time.Sleep(lookEvery)
		if s.look() > 0 {
			s.t.Fatalf("in flight again: %+v", s.watch.flows)
		}
	}
}

// until waits for something that the server or the client does.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(ms) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// asks sends a request in the background; the answer is read to its end. done reports that it was.
func (s *served) asks(client *http.Client, body io.Reader) (done func() bool) {
	var over atomic.Bool
	var sending sync.WaitGroup
	sending.Go(func() {
		defer over.Store(true)
		answer, err := client.Post("http://"+s.address, "text/plain", body)
		if err != nil {
			s.t.Error(err)
			return
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(sending.Wait)
	return over.Load
}

func clientOf(t *testing.T, h1 bool) *http.Client {
	transport := &http.Transport{Protocols: protocols(h1)}
	if h1 {
		transport.Protocols = nil
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestShortRequestIsInFlightUntilItsAnswer(t *testing.T) {
	received, release := make(chan struct{}), make(chan struct{})
	s := serveWith(t, func(_ *served, w http.ResponseWriter, r *http.Request) { received <- struct{}{}; <-release })
	client := clientOf(t, true)
	for range 3 { // over one connection, which is idle in between
		done := s.asks(client, nil)
		<-received
		looks := 0
		s.inFlightWhile(0, func() bool { looks++; return looks < 10 })
		release <- struct{}{}
		until(t, "the answer", done)
		s.ends()
	}
	if s.watch.open != 1 {
		t.Errorf("%d connections, want the one that was kept", s.watch.open)
	}
}

func TestUploadIsInFlightUntilItsAnswer(t *testing.T) {
	answered := make(chan struct{})
	var over atomic.Bool
	s := serveWith(t, func(_ *served, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		over.Store(true)
		<-answered
	})
	body, pieces := io.Pipe()
	done := s.asks(clientOf(t, true), body)
	for i := range 8 {
		if _, err := io.WriteString(pieces, "piece"); err != nil {
			t.Fatal(err)
		}
		looks := 0
		if i == 0 { // the connection is made meanwhile
			until(t, "the upload's beginning", func() bool { return s.look() > 0 })
		}
		s.inFlightWhile(0, func() bool { looks++; return looks < 6 })
	}
	pieces.Close()
	s.inFlightWhile(0, func() bool { return !over.Load() || s.watch.looks < 100 })
	close(answered)
	until(t, "the answer", done)
	s.ends()
}

// streamPause is long beside the pauses between looks.
const streamPause = 300 * ms

func TestStreamIsInFlightBetweenItsParts(t *testing.T) {
	for name, kind := range map[string]string{"chunked": "text/plain", "server-sent events": "text/event-stream"} {
		for protocol, h1 := range map[string]bool{"HTTP/1.1": true, "HTTP/2": false} {
			t.Run(name+" over "+protocol, func(t *testing.T) {
				s := serveWith(t, func(s *served, w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", kind)
					for range 10 {
						s.part(w)
						time.Sleep(streamPause)
					}
				})
				done := s.asks(clientOf(t, h1), nil)
				// The first part may as well be the whole answer.
				until(t, "the second part", func() bool { s.look(); time.Sleep(lookEvery); return s.parts.Load() >= 2 })
				s.inFlightWhile(streamPause, func() bool { return !done() && s.parts.Load() < 10 })
				until(t, "the end", done)
				s.ends()
			})
		}
	}
}

// TestStreamThatBeganEarlier is the first look of an agent: it has seen no part come.
func TestStreamThatBeganEarlier(t *testing.T) {
	s := serveWith(t, func(s *served, w http.ResponseWriter, r *http.Request) {
		for range 12 {
			s.part(w)
			time.Sleep(streamPause)
		}
	})
	done := s.asks(clientOf(t, true), nil)
	until(t, "the fourth part", func() bool { return s.parts.Load() >= 4 })
	s.inFlightWhile(streamPause, func() bool { return !done() && s.parts.Load() < 12 })
	until(t, "the end", done)
	s.ends()
}

func TestEventsEndWithTheirClient(t *testing.T) {
	s := serveWith(t, func(s *served, w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			s.part(w)
			time.Sleep(50 * ms)
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := clientOf(t, true).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	until(t, "two parts", func() bool { s.look(); return s.parts.Load() >= 2 })
	end := time.Now().Add(time.Second)
	s.inFlightWhile(50*ms, func() bool { return time.Now().Before(end) })
	leave()
	s.ends()
}

func TestManyRequestsOverOneConnection(t *testing.T) {
	received := make(chan chan struct{}, 8)
	s := serveWith(t, func(s *served, w http.ResponseWriter, r *http.Request) {
		release := make(chan struct{})
		received <- release
		<-release
		s.part(w)
	})
	client := clientOf(t, false)
	// Some go ahead: several at the beginning may make several connections, and the client may
	// acknowledge the server's settings only after its first answer, which looks like a request.
	for range 3 {
		done := s.asks(client, nil)
		close(<-received)
		until(t, "an answer", done)
	}
	s.ends()
	var waiting []chan struct{}
	var ends []func() bool
	for range 6 {
		ends = append(ends, s.asks(client, nil))
		waiting = append(waiting, <-received)
		looks := 0
		s.inFlightWhile(0, func() bool { looks++; return looks < 8 })
	}
	for i, release := range waiting {
		close(release)
		until(t, "an answer", ends[i])
		if next := i + 1; next < len(waiting) {
			until := time.Now().Add(streamPause)
			s.inFlightWhile(streamPause, func() bool { return time.Now().Before(until) })
		}
	}
	s.ends()
	if s.watch.open != 1 {
		t.Errorf("%d connections, want one", s.watch.open)
	}
}

// raw is a connection over which a test speaks HTTP/1.1 by hand, seen from both ends.
func raw(t *testing.T) (s *served, client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s = observe(t, l)
	dialed, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return s, dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

func say(t *testing.T, from, to *net.TCPConn, text string) {
	t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(bufio.NewReaderSize(to, len(text)), make([]byte, len(text))); err != nil {
		t.Fatal(err)
	}
}

const oneRequest, oneAnswer = "GET / HTTP/1.1\r\nHost: test\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

func TestIdleConnectionsAreNot(t *testing.T) {
	s, client, server := raw(t)
	s.inFlightWhile(0, func() bool { return s.watch.looks < 20 }) // its request may be on the way
	say(t, client, server, oneRequest)
	s.inFlightWhile(0, func() bool { return s.watch.looks < 40 })
	say(t, server, client, oneAnswer)
	s.ends()
}

func TestHalfClosed(t *testing.T) {
	t.Run("by a client that waits for its answer", func(t *testing.T) {
		s, client, server := raw(t)
		say(t, client, server, oneRequest)
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		s.inFlightWhile(0, func() bool { return s.watch.looks < 40 })
		say(t, server, client, oneAnswer)
		s.ends()
	})
	t.Run("by a client that has gone, and the server leaks it", func(t *testing.T) {
		s, client, server := raw(t)
		say(t, client, server, oneRequest)
		say(t, server, client, oneAnswer)
		client.Close()
		s.ends()
	})
	t.Run("by the server, whose answer is still being taken", func(t *testing.T) {
		s, client, server := raw(t)
		say(t, client, server, oneRequest)
		if err := server.SetWriteBuffer(4 << 20); err != nil {
			t.Fatal(err)
		}
		if err := server.SetWriteDeadline(time.Now().Add(200 * ms)); err != nil {
			t.Fatal(err)
		}
		_, _ = server.Write(make([]byte, 64<<20)) // more than both buffers hold
		if err := server.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		s.inFlightWhile(0, func() bool { return s.watch.looks < 40 })
		_, _ = io.Copy(io.Discard, client)
		s.ends()
	})
}

// TestFlow goes through what can't be made to happen on one machine, or takes long.
func TestFlow(t *testing.T) {
	type look struct{ at, in, out, received, sent uint32 } // ms, segments, ms since the start
	tests := []struct {
		name  string
		looks []look
		then  sockets.Conn // what else is true of it at the last look
		pace  int32
		want  state
	}{
		{"opened a moment ago", []look{{9_990, 0, 0, 0, 0}}, sockets.Conn{}, 0, opened},
		{"opened, and nothing came", []look{{10_010, 0, 0, 0, 0}}, sockets.Conn{}, 0, idle},
		{"opened, and the server has spoken first", []look{{100, 0, 1, 0, 20}}, sockets.Conn{}, 0, idle},
		{"a request", []look{{100, 1, 0, 90, 0}}, sockets.Conn{}, 0, asked},
		{"answered", []look{{250, 1, 1, 90, 140}}, sockets.Conn{}, 0, idle},
		{"answered a moment ago, after as long", []look{{250, 1, 1, 90, 160}}, sockets.Conn{}, 0, answering},
		{"answered after a long time", []look{{60_000, 1, 1, 0, 57_900}}, sockets.Conn{}, 0, idle},
		{"the next request", []look{{200, 1, 1, 90, 140}, {300, 2, 1, 290, 140}}, sockets.Conn{}, 0, asked},
		{"not seen as whole before, where streams pause", []look{{900, 1, 1, 90, 95}}, sockets.Conn{}, 500, answering},
		{"a stream between two parts", []look{{500, 1, 1, 90, 95}, {1000, 1, 2, 90, 595}, {1900, 1, 2, 90, 595}}, sockets.Conn{}, 0, answering},
		{"a stream that has ended", []look{{500, 1, 1, 90, 95}, {1000, 1, 2, 90, 595}, {2100, 1, 2, 90, 595}}, sockets.Conn{}, 0, idle},
		{"two parts of what was sent at once", []look{{100, 1, 1, 90, 95}, {130, 1, 2, 90, 110}, {160, 1, 2, 90, 110}}, sockets.Conn{}, 0, idle},
		{"many requests, one answer", []look{{100, 1, 0, 90, 0}, {400, 2, 0, 390, 0}, {700, 3, 0, 690, 0}, {24_100, 3, 1, 690, 24_090}, {30_000, 3, 1, 690, 24_090}}, sockets.Conn{}, 0, answering},
		{"an answer that nobody takes", []look{{9000, 1, 5, 90, 5000}}, sockets.Conn{Unacked: true, AckAgo: 4000}, 0, idle},
		{"an answer being taken slowly", []look{{9000, 1, 5, 90, 5000}}, sockets.Conn{Unacked: true, AckAgo: 200}, 0, taken},
		{"closed by a client that waits", []look{{9000, 1, 0, 90, 0}}, sockets.Conn{PeerClosed: true}, 0, asked},
		{"closed long ago by a client without its answer", []look{{40_000, 1, 0, 90, 0}}, sockets.Conn{PeerClosed: true}, 0, idle},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f flow
			c := tt.then
			c.Established = !c.PeerClosed
			for i, l := range tt.looks {
				c.SegsIn, c.SegsOut, c.Received, c.Sent = l.in, l.out, l.in > 0, l.out > 0
				c.RecvAgo, c.SentAgo = l.at-l.received, l.at-l.sent
				f.look = uint32(i + 1)
				f.seeConn(c, int32(l.at))
			}
			if got := f.state(c, tt.pace); got != tt.want {
				t.Errorf("state %d, want %d: %+v", got, tt.want, f)
			}
		})
	}
}

// TestRunWaitsForAStream is the whole sequence beside a stream, which must not be cut.
func TestRunWaitsForAStream(t *testing.T) {
	s := serveWith(t, func(s *served, w http.ResponseWriter, r *http.Request) {
		for range 10 {
			s.part(w)
			time.Sleep(500 * ms)
		}
	})
	done := s.asks(clientOf(t, true), strings.NewReader("x"))
	until(t, "the second part", func() bool { return s.parts.Load() >= 2 })
	start := time.Now()
	outcome, err := Run(t.Context(), s.watch.config, Parts{
		Hub:     &hub{start: start, confirm: says(yes, 100*ms)},
		Sockets: s.reader,
		Inside:  func(sockets.Conn) bool { return false },
	})
	if err != nil || !done() || outcome.Undrained {
		t.Errorf("it ended after %v and %d parts (%v)\n%s", time.Since(start), s.parts.Load(), err, outcome)
	}
	t.Log(outcome)
}
