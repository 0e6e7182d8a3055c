package graceful

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// start runs a group, and gives the function that stops it.
func start(t *testing.T, g *Group) (stop func() error) {
	t.Helper()
	unsetenv(t)
	g.Signals, g.Logger = []os.Signal{}, slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = stop() })
	return stop
}

// beginStop stops a group, and returns once it has begun to stop.
func beginStop(g *Group, stop func() error) (result chan error) {
	result = make(chan error, 1)
	go func() { result <- stop() }()
	untilStopping(g)
	return result
}

func untilStopping(g *Group) {
	for !g.stopping.Load() {
		time.Sleep(ms)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// client is an HTTP/1.1 connection that does nothing by itself.
type client struct {
	*testing.T
	net.Conn
	read *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.Fatal(err)
	}
}

// answer reads one, and reports whether it says that the connection closes.
func (c *client) answer(want string) (closes bool) {
	c.Helper()
	resp, err := http.ReadResponse(c.read, nil)
	if err != nil {
		c.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || string(text) != want {
		c.Fatalf("answered %q, %v, want %q", text, err, want)
	}
	return resp.Close
}

func (c *client) ended() {
	c.Helper()
	if n, err := c.read.Read(make([]byte, 1)); err != io.EOF {
		c.Fatalf("read %d bytes, %v, want the end", n, err)
	}
}

const get = "GET / HTTP/1.1\r\nHost: server\r\n\r\n"

// TestLameDuck: while nothing is quiet, old connections and new ones are served, and told to close.
func TestLameDuck(t *testing.T) {
	l := listen(t)
	g := Group{Wait: 300 * ms, Quiet: 200 * ms}
	inside, leave := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) { close(inside); <-leave; io.WriteString(w, "slow") })
	mux.Handle("/ready", g.Ready())
	g.Serve(&http.Server{Handler: mux}, l)
	stop := start(t, &g)
	address := l.Addr().String()

	used, unused, slow := dial(t, address), dial(t, address), dial(t, address)
	for _, c := range []*client{used, unused} {
		c.send(get)
		if c.answer("hello") {
			t.Error("closes before it stops")
		}
	}
	slow.send("GET /slow HTTP/1.1\r\nHost: server\r\n\r\n")
	<-inside
	result := beginStop(&g, stop)
	for name, c := range map[string]*client{"used": used, "new": dial(t, address)} {
		c.send(get)
		if !c.answer("hello") {
			t.Errorf("%s: is not told that the connection closes", name)
		}
		c.ended()
	}
	probe := dial(t, address)
	probe.send("GET /ready HTTP/1.1\r\nHost: server\r\n\r\n")
	probe.answer("")
	unused.ended()
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("the listener is open though idle connections were closed")
	}
	close(leave)
	slow.answer("slow")
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// TestRequestThatCrosses: an idle connection that is about to be closed serves what has arrived by then.
func TestRequestThatCrosses(t *testing.T) {
	l := listen(t)
	var g Group
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})}
	s := newHTTPServer(&g, srv, []net.Listener{l})
	g.Add("http", s)
	start(t, &g)
	c := dial(t, l.Addr().String())
	post := "POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 5\r\n\r\n"
	for i := range 200 {
		c.send(post[:i%len(post)])
		for _, known := range s.conns.list() {
			if i%len(post) > 0 {
				known.wake() // in the middle of a request
			}
		}
		c.send(post[i%len(post):] + "hel")
		for _, known := range s.conns.list() {
			known.wake()
		}
		c.send("lo")
		if c.answer("hello") {
			t.Fatal("closes")
		}
	}
	for ends := false; !ends; {
		for _, known := range s.conns.list() {
			known.wake()
		}
		time.Sleep(ms)
		ends = len(s.conns.list()) == 0
	}
	c.ended()
}

// TestUnready: as configured, readiness turns.
func TestUnready(t *testing.T) {
	for _, unready := range []bool{false, true} {
		g := Group{Unready: unready}
		ready := g.Ready()
		for _, stopping := range []bool{false, true} {
			g.stopping.Store(stopping)
			w := httptest.NewRecorder()
			ready.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			want := http.StatusOK
			if unready && stopping {
				want = http.StatusServiceUnavailable
			}
			if w.Code != want {
				t.Errorf("unready %v, stopping %v: %d, want %d", unready, stopping, w.Code, want)
			}
		}
	}
}

// TestStreamsAndHijacked: server-sent events and a hijacked connection end by their callbacks, long before
// the deadline.
func TestStreamsAndHijacked(t *testing.T) {
	l := listen(t)
	g := Group{Quiet: 50 * ms, Grace: time.Minute}
	opened := make(chan struct{}, 2)
	mux := http.NewServeMux()
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		ended := make(chan struct{})
		defer g.Stream(func() { close(ended) })()
		_ = http.NewResponseController(w).Flush()
		opened <- struct{}{}
		<-ended
		io.WriteString(w, "event: bye\n\n")
	})
	mux.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		ended := make(chan struct{})
		done := g.Stream(func() { close(ended) })
		opened <- struct{}{}
		go func() {
			defer done()
			defer nc.Close()
			<-ended
			io.WriteString(nc, "1001")
		}()
	})
	g.Serve(&http.Server{Handler: mux}, l)
	stop := start(t, &g)
	events, socket := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	events.send("GET /events HTTP/1.1\r\nHost: server\r\n\r\n")
	socket.send("GET /socket HTTP/1.1\r\nHost: server\r\n\r\n")
	<-opened
	<-opened
	if err := stop(); err != nil {
		t.Error(err)
	}
	events.answer("event: bye\n\n")
	if text, err := io.ReadAll(socket.read); string(text) != "1001" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
}

// TestDrainDeadline: what does not finish is cut, after its context has said why.
func TestDrainDeadline(t *testing.T) {
	l := listen(t)
	g := Group{Quiet: 10 * ms, Grace: 2 * s}
	opened, causes := make(chan struct{}, 2), make(chan error, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		opened <- struct{}{}
		<-r.Context().Done()
		causes <- context.Cause(r.Context())
	})
	mux.HandleFunc("/socket", func(w http.ResponseWriter, _ *http.Request) {
		_, _, _ = http.NewResponseController(w).Hijack()
		opened <- struct{}{}
	})
	g.Serve(&http.Server{Handler: mux}, l)
	stop := start(t, &g)
	slow, socket := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	slow.send(get)
	socket.send("GET /socket HTTP/1.1\r\nHost: server\r\n\r\n")
	<-opened
	<-opened
	err := stop()
	if err == nil || !strings.Contains(err.Error(), `cut 2 connections, of which 1 were hijacked: graceful: the phase "drain" has used up its`) {
		t.Errorf("error %v", err)
	}
	if err := <-causes; !strings.Contains(err.Error(), `the phase "drain" has used up`) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the request's cause is %v", err)
	}
	socket.ended()
}

// TestWhatTheServerHad: a server's own functions are called as without a group.
func TestWhatTheServerHad(t *testing.T) {
	l := listen(t)
	g := Group{Quiet: 10 * ms}
	type key struct{}
	states, conns, hooks := make(chan http.ConnState, 10), make(chan net.Conn, 20), make(chan struct{}, 1)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Context().Value(key{}), r.Context().Value(http.ServerContextKey) != nil)
		}),
		ConnState:   func(c net.Conn, s http.ConnState) { conns <- c; states <- s },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { conns <- c; return ctx },
		BaseContext: func(net.Listener) context.Context { return context.WithValue(context.Background(), key{}, "base ") },
	}
	srv.RegisterOnShutdown(func() { hooks <- struct{}{} })
	g.Serve(srv, l)
	stop := start(t, &g)
	c := dial(t, l.Addr().String())
	c.send(get)
	c.answer("base true")
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, want := range []http.ConnState{http.StateNew, http.StateActive, http.StateIdle, http.StateClosed} {
		if got := <-states; got != want {
			t.Errorf("state %v, want %v", got, want)
		}
	}
	<-hooks
	close(conns)
	for c := range conns {
		if _, ok := c.(*net.TCPConn); !ok {
			t.Errorf("the server's function got a %T", c)
		}
	}
}

func TestListenFails(t *testing.T) {
	l := listen(t)
	defer l.Close()
	g := Group{Wait: time.Minute, Grace: time.Hour, Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler)}
	g.Serve(&http.Server{Addr: l.Addr().String()})
	if err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "http "+l.Addr().String()+": listen tcp") {
		t.Errorf("error %v", err)
	}
}

// TestTLS: both protocols end over TLS.
func TestTLS(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			borrowed := httptest.NewUnstartedServer(nil)
			borrowed.StartTLS()
			config := &tls.Config{Certificates: borrowed.TLS.Certificates}
			pool := borrowed.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			borrowed.Close()

			l := listen(t)
			g := Group{Quiet: 50 * ms}
			inside, leave := make(chan struct{}), make(chan struct{})
			g.Serve(&http.Server{TLSConfig: config, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					close(inside)
					<-leave
				}
				fmt.Fprint(w, r.Proto)
			})}, l)
			stop := start(t, &g)
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: http2}
			defer transport.CloseIdleConnections()
			want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[http2]
			ask := func(path string) {
				resp, err := (&http.Client{Transport: transport}).Get("https://" + l.Addr().String() + path)
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if text, err := io.ReadAll(resp.Body); string(text) != want || err != nil {
					t.Errorf("answered %q, %v, want %q", text, err, want)
				}
			}
			ask("/")
			slow := make(chan struct{})
			go func() { defer close(slow); ask("/slow") }()
			<-inside
			result := beginStop(&g, stop)
			ask("/")
			close(leave)
			<-slow
			if err := <-result; err != nil {
				t.Error(err)
			}
		})
	}
}
