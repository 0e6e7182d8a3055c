package graceful

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestLongHeaders: a GOAWAY does not part a block of headers that needs several frames.
func TestLongHeaders(t *testing.T) {
	l := listen(t)
	g := Group{Quiet: 100 * ms, Grace: 20 * s}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	inside, leave := make(chan struct{}), make(chan struct{})
	g.Serve(&http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-leave
		w.Header().Set("Long", strings.Repeat("x", 100_000))
		io.WriteString(w, "hello")
	})}, l)
	stop := start(t, &g)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	answer := make(chan error, 1)
	go func() {
		resp, err := (&http.Client{Transport: transport}).Get("http://" + l.Addr().String())
		if err == nil {
			_, err = bufio.NewReader(resp.Body).ReadString('o')
			resp.Body.Close()
		}
		answer <- err
	}()
	<-inside
	result := beginStop(&g, stop)
	time.Sleep(50 * ms)
	close(leave)
	if err := <-answer; err != nil {
		t.Errorf("the answer: %v", err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// TestStalledClient: a client of HTTP/2 that does not read keeps no other from being told.
func TestStalledClient(t *testing.T) {
	l := listen(t)
	g := Group{Quiet: 100 * ms, Grace: 10 * s}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	full := make(chan struct{})
	srv := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 1<<20)
		for {
			wrote := make(chan error, 1)
			go func() { _, err := w.Write(piece); wrote <- err }()
			select {
			case err := <-wrote:
				if err != nil {
					return
				}
			case <-time.After(500 * ms):
				close(full)
				<-wrote
				return
			}
		}
	})}
	hs := newHTTPServer(&g, srv, []net.Listener{l})
	g.Add("http", hs)
	start(t, &g)
	c := dial(t, l.Addr().String())
	// The preface, SETTINGS with the largest window, WINDOW_UPDATE, and a GET of / in HPACK's static table.
	c.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
		"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x7f\xff\xff\xff" +
		"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\x00\x00" +
		"\x00\x00\x06\x01\x05\x00\x00\x00\x01\x82\x86\x84\x41\x01x")
	<-full
	ctx, cancel := context.WithTimeout(t.Context(), 3*s)
	defer cancel()
	told := make(chan struct{})
	go func() { defer close(told); hs.conns.leave() }()
	select {
	case <-told:
	case <-ctx.Done():
		t.Error("telling the clients to leave hangs")
	}
	c.Close()
}
