package graceful

import (
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// TestProbesElsewhere: probes of one server do not keep another from being quiet.
func TestProbesElsewhere(t *testing.T) {
	web, admin := listen(t), listen(t)
	g := Group{Quiet: 200 * ms, Grace: 20 * s}
	g.Serve(&http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })}, web)
	g.Serve(&http.Server{Handler: g.Ready()}, admin)
	stop := start(t, &g)
	idle := dial(t, web.Addr().String())
	idle.send(get)
	idle.answer("hello")
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(50 * ms):
				if resp, err := http.Get("http://" + admin.Addr().String()); err == nil {
					resp.Body.Close()
				}
			}
		}
	}()
	begin := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 5*s {
		t.Errorf("probes of the other server held the group up for %v", took)
	}
}

// TestUnusedConnection: one on which no request came is no loss, however young it is.
func TestUnusedConnection(t *testing.T) {
	l := listen(t)
	g := Group{Quiet: 50 * ms, Grace: 2 * s}
	hs := newHTTPServer(&g, &http.Server{}, []net.Listener{l})
	g.Add("http", hs)
	stop := start(t, &g)
	dial(t, l.Addr().String())
	for len(hs.conns.list()) == 0 {
		time.Sleep(ms)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestSlowFirstRequest: one that has arrived in part is waited for, on a new connection as on an old one.
func TestSlowFirstRequest(t *testing.T) {
	l := listen(t)
	g := Group{Quiet: 50 * ms, Grace: 20 * s}
	hs := newHTTPServer(&g, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })}, []net.Listener{l})
	g.Add("http", hs)
	stop := start(t, &g)
	c := dial(t, l.Addr().String())
	c.send(get[:20])
	for len(hs.conns.list()) == 0 || !hs.conns.list()[0].arrived.Load() {
		time.Sleep(ms)
	}
	hs.conns.list()[0].opened = time.Now().Add(-time.Minute)
	result := make(chan error, 1)
	go func() { result <- stop() }()
	for {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		nc.Close()
		time.Sleep(10 * ms)
	}
	time.Sleep(500 * ms)
	c.send(get[20:])
	c.answer("hello")
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// deadlined is a connection that shows each read deadline that it is given.
type deadlined struct {
	net.Conn
	set func(time.Time)
}

func (d deadlined) SetReadDeadline(t time.Time) error { d.set(t); return nil }

func (d deadlined) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

// TestDeadlineWhileWoken: the deadline that the server sets is not undone by a wake that ends.
func TestDeadlineWhileWoken(t *testing.T) {
	var last time.Time
	var c *conn
	set := make(chan struct{})
	first := true
	c = &conn{all: &conns{}, Conn: deadlined{set: func(at time.Time) {
		if first && at.IsZero() { // the wake gives back what the server had set
			first = false
			go func() { defer close(set); _ = c.SetReadDeadline(time.Unix(1, 0)) }()
			select {
			case <-set:
			case <-time.After(200 * ms):
			}
		}
		last = at
	}}}
	c.state.Store(int32(http.StateActive))
	if _, err := c.readWoken(nil); err != nil {
		t.Fatal(err)
	}
	<-set
	if !last.Equal(time.Unix(1, 0)) {
		t.Errorf("the deadline is %v at last, not the one that the server set last", last)
	}
}

// TestSeveralListeners: a server without TLS has none on any of its listeners, though net/http gives it a
// TLSConfig once it serves the first.
func TestSeveralListeners(t *testing.T) {
	var g Group
	var all []net.Listener
	for range 32 {
		all = append(all, listen(t))
	}
	g.Serve(&http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })}, all...)
	stop := start(t, &g)
	for _, l := range all {
		c := dial(t, l.Addr().String())
		c.send(get)
		c.answer("hello")
		c.Close()
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
