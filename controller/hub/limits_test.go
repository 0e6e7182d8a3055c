package hub

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
)

func TestShare(t *testing.T) {
	s := newShare[string](5, 2, 6)
	take := func(who string, want int) {
		t.Helper()
		got := 0
		for range 10 {
			if s.takeSlot(who) {
				got++
			}
		}
		if got != want {
			t.Errorf("%s took %d more, want %d", who, got, want)
		}
	}
	take("greedy", 5)
	take("second", 2) // the total is reached: a few, for each
	take("third", 2)
	s.giveSlot("greedy")
	take("greedy", 0)
	for range 4 {
		s.giveSlot("greedy")
	}
	take("third", 2)
	take("greedy", 2)
	for who, held := range map[string]int{"greedy": 2, "second": 2, "third": 4} {
		for range held {
			s.giveSlot(who)
		}
	}
	if s.sum != 0 || len(s.held) != 0 {
		t.Errorf("%d are held after all was given back: %v", s.sum, s.held)
	}
}

// wire is a listener whose connections stay within the test, so that its clock counts.
type wire struct {
	conns chan net.Conn
	once  sync.Once
}

func (w *wire) Accept() (net.Conn, error) {
	conn, open := <-w.conns
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (w *wire) Close() error { w.once.Do(func() { close(w.conns) }); return nil }
func (*wire) Addr() net.Addr { return &net.TCPAddr{} }

// dial gives a connection that comes from the address.
func (w *wire) dial(from string) net.Conn {
	here, there := net.Pipe()
	w.conns <- remote{there, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}
	return here
}

type remote struct {
	net.Conn
	addr net.Addr
}

func (r remote) RemoteAddr() net.Addr { return r.addr }

// serve has a server answer on a wire, with the time to read a call that the controller gives it.
func (s *stage) serve() *wire {
	w := &wire{conns: make(chan net.Conn)}
	server := &http.Server{Handler: s.server, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(Bound(w))
	}()
	s.t.Cleanup(func() { _ = server.Close(); <-done })
	return w
}

// ask sends a confirm call over a connection of its own and gives the HTTP status.
func (s *stage) ask(w *wire, from, name string, seconds int) (answer hubapi.ConfirmResponse, status int) {
	s.t.Helper()
	conn := w.dial(from)
	defer conn.Close()
	plain, err := json.Marshal(hubapi.ConfirmRequest{Token: bound(name), WaitSeconds: seconds})
	if err != nil {
		s.t.Fatal(err)
	}
	sealed, open, err := seal.Request(s.public, hubapi.ConfirmPath, plain)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, "http://hub"+hubapi.ConfirmPath, bytes.NewReader(sealed))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := request.Write(conn); err != nil {
		return answer, 0
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return answer, 0
	}
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusOK {
		if body, err = open(body); err == nil {
			err = json.Unmarshal(body, &answer)
		}
	}
	if err != nil {
		s.t.Error(err)
	}
	return answer, response.StatusCode
}

// One address that holds connections, with calls that it never ends, keeps nobody out (T7).
func TestStalledCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for i := range 100 {
			s.add(fmt.Sprint("p", i))
			s.terminate(fmt.Sprint("p", i))
		}
		w := s.serve()
		head := "POST " + hubapi.ConfirmPath + " HTTP/1.1\r\nHost: hub\r\nContent-Length: 60000\r\n\r\n{"
		var held []net.Conn
		for range 10_500 { // more than the hub answers at once in all
			conn := w.dial("10.9.9.9:4711")
			held = append(held, conn)
			go func() {
				_, _ = io.WriteString(conn, head)
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
		synctest.Wait()
		s.server.strangers.mu.Lock()
		if got := s.server.strangers.sum; got != strangersEach {
			t.Errorf("one address has %d calls read at once, want %d", got, strangersEach)
		}
		s.server.strangers.mu.Unlock()
		for i := range 100 {
			if answer, status := s.ask(w, fmt.Sprintf("10.1.0.%d:4711", i), fmt.Sprint("p", i), 0); status != http.StatusOK || answer.Error != "" {
				t.Errorf("pod %d: HTTP status %d, %+v", i, status, answer)
			}
		}
		for _, conn := range held {
			conn.Close()
		}
	})
}
