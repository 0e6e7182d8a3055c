package barrier

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var here = netip.MustParseAddr("127.0.0.1")

// freeNumber gives a port that nobody listens on.
func freeNumber(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

// nodeTo plays a node whose rules lead to number: connections to its address arrive there, from its address.
func nodeTo(t *testing.T, address string, number uint16) netip.AddrPort {
	return relay(t, address, address, number)
}

func relay(t *testing.T, at, from string, number uint16) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", at+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
				out, err := dialer.Dial("tcp", netip.AddrPortFrom(here, number).String())
				if err != nil {
					return
				}
				defer out.Close()
				go io.Copy(out, in)
				io.Copy(in, out)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

func listener(t *testing.T) *Listener {
	t.Helper()
	l := NewListener(here)
	t.Cleanup(l.Close)
	return l
}

func TestBeacon(t *testing.T) {
	l := listener(t)
	number := freeNumber(t)
	if err := l.Listen(number); err != nil {
		t.Fatal(err)
	}
	other := listener(t)
	elsewhere := freeNumber(t)
	if err := other.Listen(elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(elsewhere); !errors.Is(err, ErrTaken) {
		t.Errorf("a port that is taken: %v", err)
	}
	talker, err := net.Listen("tcp", "127.0.0.4:0")
	if err != nil {
		t.Fatal(err)
	}
	defer talker.Close()
	go func() {
		for {
			conn, err := talker.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, strings.Repeat("x", 1<<20))
			conn.Close()
		}
	}()
	for _, tt := range []struct {
		name string
		node netip.AddrPort
		err  string
	}{
		{"a node that leads here", nodeTo(t, "127.0.0.2", number), ""},
		{"a node that leads to an older number", nodeTo(t, "127.0.0.2", freeNumber(t)), "closed before it arrived"},
		{"another process's number", nodeTo(t, "127.0.0.2", elsewhere), "closed before it arrived"},
		{"nobody", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.3"), 1), "connection refused"},
		{"something else", netip.MustParseAddrPort(talker.Addr().String()), "something else answers"},
		{"translated where it began, as by Cilium", relay(t, "127.0.0.5", "127.0.0.1", number), "never came there"},
		{"this process's own node, on the host's network", nodeTo(t, "127.0.0.1", number), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := l.Ask(t.Context(), tt.node)
			if (err == nil) != (tt.err == "") || err == nil && got != number || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%d, %v; want %q", got, err, tt.err)
			}
		})
	}
	l.Forget(number)
	if _, err := l.Ask(t.Context(), nodeTo(t, "127.0.0.2", number)); err == nil {
		t.Error("a number that is forgotten was heard")
	}
}

// TestCrowd: whoever opens some thousand connections a second and says nothing, or says something else, keeps no
// question from arriving. One may get lost where the machine is busy; the barrier asks again.
func TestCrowd(t *testing.T) {
	l := listener(t)
	number := freeNumber(t)
	if err := l.Listen(number); err != nil {
		t.Fatal(err)
	}
	nodes := []netip.AddrPort{nodeTo(t, "127.0.0.2", number), nodeTo(t, "127.0.0.1", number)} // the second is where the crowd comes from
	var crowd sync.WaitGroup
	var opened atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	for i := range 8 {
		crowd.Go(func() {
			var kept []net.Conn
			defer func() {
				for _, conn := range kept {
					conn.Close()
				}
			}()
			for ctx.Err() == nil {
				time.Sleep(2 * time.Millisecond)
				conn, err := net.Dial("tcp", netip.AddrPortFrom(here, number).String())
				if err != nil {
					continue
				}
				abort(conn)
				opened.Add(1)
				if i%2 == 0 {
					io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
				}
				if kept = append(kept, conn); len(kept) > 300 {
					kept[0].Close()
					kept = kept[1:]
				}
			}
		})
	}
	lost := 0
	for asked := 0; asked < 100 || opened.Load() < 2*hallRoom; asked++ {
		for tries := 1; ; tries++ {
			if got, err := l.Ask(ctx, nodes[asked%2]); err == nil && got == number {
				break
			}
			if tries == 3 {
				lost++
				break
			}
		}
	}
	l.hall.mu.Lock()
	inside := l.hall.all.Len()
	l.hall.mu.Unlock()
	stop()
	crowd.Wait()
	if lost > 0 || inside > hallRoom/2+1 {
		t.Errorf("%d questions did not arrive, %d connections are held", lost, inside)
	}
}
