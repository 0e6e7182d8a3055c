package verify

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lameduck-dev/lameduck/report"
)

// TestSilentAtTheEnd: a session whose server falls silent is lost, though its time is over before the answer
// is overdue; and one that is answered late is not.
func TestSilentAtTheEnd(t *testing.T) {
	serve := func(then func(c *websocket.Conn)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			defer c.CloseNow()
			_ = c.Write(r.Context(), websocket.MessageText, []byte(sayEcho(r)))
			then(c)
		}
	}
	good := serve(func(c *websocket.Conn) { _, _, _ = c.Read(context.Background()) })
	for _, tt := range []struct {
		name    string
		message string
		then    func(c *websocket.Conn)
		want    outcome
	}{
		{"pings", "", func(*websocket.Conn) { time.Sleep(5 * time.Second) }, outcome{kind: report.Timeout, pod: true}},
		{"messages", "hello", func(c *websocket.Conn) {
			for {
				if _, _, err := c.Read(context.Background()); err != nil {
					return
				}
			}
		}, outcome{kind: report.Timeout, pod: true}},
		{"a late answer", "hello", func(c *websocket.Conn) {
			for {
				kind, message, err := c.Read(context.Background())
				if err != nil {
					return
				}
				time.Sleep(800 * time.Millisecond)
				_ = c.Write(context.Background(), kind, message)
			}
		}, outcome{}},
		{"cut with a message unanswered", "hello", func(c *websocket.Conn) {
			_, _, _ = c.Read(context.Background())
			time.Sleep(800 * time.Millisecond)
		}, outcome{kind: report.ClosedKind(1006), pod: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runLane(t, LaneWS, probed(t, good, serve(tt.then)), tt.want, func(o *Options) {
				o.Hold, o.Timeout, o.WSMessage = 1500*time.Millisecond, 1500*time.Millisecond, tt.message
			})
		})
	}
}

// TestStatusThatNobodySent: a status that grpc-go makes up is never shown as the server's.
func TestStatusThatNobodySent(t *testing.T) {
	server := func(handle func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { defer c.Close(); handle(c) }()
			}
		}()
		return l.Addr().String()
	}
	good := rawH2(t, (*rawStream).answer)
	for _, tt := range []struct {
		name string
		bad  string
		want report.Kind
	}{
		{"an answer of HTTP/1", server(func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); _, _ = io.Copy(io.Discard, c) }), report.Other},
		{"a page", strings.TrimPrefix(rawH2(t, func(r *rawStream) {
			r.head(false, ":status", "200", "content-type", "text/html")
			_ = r.WriteData(r.id, true, []byte("<html>"))
		}), "http://"), report.BadBody},
		{"a proxy's error", strings.TrimPrefix(rawH2(t, func(r *rawStream) {
			r.head(true, ":status", "503", "content-type", "text/html")
		}), "http://"), report.Status},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var dials atomic.Int64
			result := mustRun(t, Options{
				URL: good, Lanes: []string{LaneGRPC}, Rate: 20, Duration: 290 * time.Millisecond, Conns: 1, Timeout: 10 * time.Second,
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					if dials.Add(1) > 1 {
						address = tt.bad
					}
					return (&net.Dialer{}).DialContext(ctx, network, address)
				},
			})
			if c := result.Totals; c.OK > 0 || c.Kinds[tt.want] != c.Lost {
				t.Errorf("%+v, want %s: %+v", c, tt.want, result.Losses)
			}
		})
	}
}
