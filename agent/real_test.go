package agent

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/agent/sockets"
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
