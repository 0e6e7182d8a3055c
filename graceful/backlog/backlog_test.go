package backlog

import (
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// answers accepts connections and answers each request of one byte, until the listener has closed.
func answers(l net.Listener) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		var all sync.WaitGroup
		defer all.Wait()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Add(1)
			go func() {
				defer all.Done()
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				_, _ = io.CopyN(c, c, 1)
			}()
		}
	}()
	return done
}

// crowd connects again and again until it is refused, and counts requests that were answered, and those
// that were reset on a connection that stood.
type crowd struct{ answered, reset atomic.Int64 }

func (c *crowd) run(address string) {
	for {
		conn, err := net.DialTimeout("tcp", address, 5*time.Second)
		if err != nil {
			return // refused, at last
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = conn.Write([]byte{1})
		if err == nil {
			_, err = io.ReadFull(conn, make([]byte, 1))
		}
		conn.Close()
		if err != nil {
			c.reset.Add(1)
		} else {
			c.answered.Add(1)
		}
	}
}

// closeUnder closes a listener under a crowd, so many times.
func closeUnder(t *testing.T, times int, listen func() (net.Listener, error), end func(net.Listener) error) *crowd {
	t.Helper()
	var all crowd
	for range times {
		l, err := listen()
		if err != nil {
			t.Fatal(err)
		}
		done := answers(l)
		var clients sync.WaitGroup
		before := all.answered.Load()
		for range 16 {
			clients.Add(1)
			go func() { defer clients.Done(); all.run(l.Addr().String()) }()
		}
		for all.answered.Load() < before+100 {
			time.Sleep(time.Millisecond)
		}
		if err := end(l); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		<-done
		clients.Wait()
	}
	return &all
}

func listenPlain() (net.Listener, error) { return Listen("127.0.0.1:0") }

func drain(l net.Listener) error { return l.(*Listener).Drain() }

func TestDrainResetsNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("only Linux can be told to take in no more connections")
		return
	}
	for name, listen := range map[string]func() (net.Listener, error){
		"Listen": listenPlain,
		"New of what Listen gives": func() (net.Listener, error) { // as graceful.Group.Serve does
			l, err := Listen("127.0.0.1:0")
			return New(l), err
		},
	} {
		all := closeUnder(t, 2, listen, drain)
		if n := all.reset.Load(); n > 0 {
			t.Errorf("%s: %d requests were reset, %d answered", name, n, all.answered.Load())
		}
	}
}

// TestDrainEnds: a listener that nobody accepts from is closed all the same.
func TestDrainEnds(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Drain(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connecting: %v, want refused", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting: %v, want %v", err, net.ErrClosed)
	}
}
