package agent

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// TestRealConnections runs the sequence on real sockets: a client connects anew all the
// time, then stops; another's last request is answered late.
func TestRealConnections(t *testing.T) {
	for name, address := range map[string]string{"IPv4": "127.0.0.1:0", "IPv6": "[::1]:0"} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			const busyFor, trafficFor = 1200 * ms, 600 * ms
			served := make(chan struct{})
			go func() {
				defer close(served)
				serve(l, busyFor)
			}()
			defer func() { l.Close(); <-served }()
			slow, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer slow.Close()
			if _, err := slow.Write([]byte("slow")); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			lastConnection := make(chan time.Time, 1)
			go func() {
				for time.Since(start) < trafficFor {
					if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
						conn.Close()
					}
					time.Sleep(10 * ms)
				}
				lastConnection <- time.Now()
			}()
			reader := sockets.Open()
			defer reader.Close()
			cfg := config()
			cfg.Ports = []uint16{uint16(l.Addr().(*net.TCPAddr).Port)}
			outcome, err := Run(t.Context(), cfg, Parts{
				Hub:     &hub{start: start, confirm: says(yes, 100*ms)},
				Sockets: reader,
				Inside:  func(c sockets.Conn) bool { return c.Port != cfg.Ports[0] },
			})
			waited := start.Add(outcome.Waited)
			if last := <-lastConnection; err != nil || waited.Sub(last) < cfg.Quiet.Floor-lookEvery-20*ms {
				t.Errorf("the routers were taken to have stopped %v after the last connection (%v)\n%s", waited.Sub(last), err, outcome)
			}
			if outcome.Arrivals < 20 || outcome.Undrained || outcome.Total < busyFor {
				t.Errorf("%d arrivals, drained after %v\n%s", outcome.Arrivals, outcome.Total, outcome)
			}
			t.Log(outcome)
		})
	}
}

// TestRealPast: a router that opens a connection for each request, which the pod closes first, is known
// from the kernel's memory alone, and waited for by the pace that it shows.
func TestRealPast(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var ended time.Time
	for range 5 {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(client, "request"); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Read(make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
		server.Close()
		if _, err := io.ReadAll(client); err != nil {
			t.Fatal(err)
		}
		client.Close()
		ended = time.Now()
	}
	start := time.Now()
	reader := sockets.Open()
	defer reader.Close()
	cfg := config()
	cfg.Ports = []uint16{uint16(l.Addr().(*net.TCPAddr).Port)}
	outcome, err := Run(t.Context(), cfg, Parts{
		Hub:     &hub{start: start, confirm: says(yes, 50*ms), class: termination.PeerWatcher},
		Sockets: reader,
		Inside:  func(c sockets.Conn) bool { return c.Port != cfg.Ports[0] },
	})
	if silent := start.Add(outcome.Waited).Sub(ended); err != nil || silent < peerFloor-lookEvery || outcome.Waited > cfg.PeerCeiling-s || !strings.Contains(outcome.Peers, "shop/sender (watcher) sent") {
		t.Errorf("waited %v (%v)\n%s", outcome.Waited, err, outcome)
	}
	t.Log(outcome)
}

// serve answers a request after a while, and closes what brings none.
func serve(l net.Listener, busyFor time.Duration) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			buf := make([]byte, 16)
			for {
				if _, err := conn.Read(buf); err != nil {
					return
				}
				time.Sleep(busyFor)
				if _, err := io.WriteString(conn, "answer"); err != nil {
					return
				}
			}
		}()
	}
}
