package verify

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lameduck-dev/lameduck/report"
)

// sayEcho is the echo as it stands in a stream.
func sayEcho(r *http.Request) string {
	return fmt.Sprintf(`{"id":%q,"pod":"app-1","peer":%q}`, r.Header.Get(RequestID), r.RemoteAddr)
}

// probed answers the probes by good, and all else by wrong.
func probed(t *testing.T, good, wrong http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get(RequestID), "probe") {
			good(w, r)
			return
		}
		wrong(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func TestWebSocketLane(t *testing.T) {
	accept := func(then func(c *websocket.Conn)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			defer c.CloseNow()
			_ = c.Write(r.Context(), websocket.MessageText, []byte(sayEcho(r)))
			time.Sleep(20 * time.Millisecond) // it is read
			then(c)
		}
	}
	listen := func(c *websocket.Conn) {
		for {
			if _, _, err := c.Read(context.Background()); err != nil {
				return
			}
		}
	}
	closeWith := func(code websocket.StatusCode) func(c *websocket.Conn) {
		return func(c *websocket.Conn) { _ = c.Close(code, "the end") }
	}
	longer := func(o *Options) { o.Hold, o.Timeout = 2500*time.Millisecond, 400*time.Millisecond }
	tests := []struct {
		name   string
		wrong  http.HandlerFunc
		want   outcome
		change func(o *Options)
	}{
		{"nothing", accept(listen), outcome{}, func(*Options) {}},
		{"nothing, with messages", accept(func(c *websocket.Conn) {
			for {
				kind, message, err := c.Read(context.Background())
				if err != nil {
					return
				}
				_ = c.Write(context.Background(), kind, message)
			}
		}), outcome{}, func(o *Options) { longer(o); o.WSMessage = "hello" }},
		{"going away", accept(closeWith(websocket.StatusGoingAway)), outcome{told: true}, func(*Options) {}},
		{"service restart", accept(closeWith(websocket.StatusServiceRestart)), outcome{told: true}, func(*Options) {}},
		{"no close frame", accept(func(c *websocket.Conn) { _ = c.CloseNow() }), outcome{kind: report.ClosedKind(1006), pod: true}, func(*Options) {}},
		{"an error of the server", accept(closeWith(websocket.StatusInternalError)), outcome{kind: report.ClosedKind(1011), pod: true}, func(*Options) {}},
		{"going away with a message unanswered", accept(func(c *websocket.Conn) {
			_, _, _ = c.Read(context.Background())
			_ = c.Close(websocket.StatusGoingAway, "")
		}), outcome{kind: report.ClosedKind(1001), pod: true}, func(o *Options) { longer(o); o.WSMessage = "hello" }},
		{"a silent server", accept(func(*websocket.Conn) { time.Sleep(3 * time.Second) }), outcome{kind: report.Timeout, pod: true}, longer},
		{"a message is not answered", accept(listen), outcome{kind: report.Timeout, pod: true}, func(o *Options) { longer(o); o.WSMessage = "hello" }},
		{"no upgrade", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, outcome{kind: report.Status}, func(*Options) {}},
		{"a connection cut before the upgrade", func(w http.ResponseWriter, _ *http.Request) { hangUp(w, true, "") }, outcome{kind: report.Reset}, func(*Options) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runLane(t, LaneWS, probed(t, accept(listen), tt.wrong), tt.want, tt.change)
		})
	}
}

// streamed answers with the given head and then a piece every 50 ms until the client is gone.
func streamed(w http.ResponseWriter, r *http.Request, kind string, pieces int) {
	w.Header().Set("Content-Type", kind)
	prefix := ""
	if kind == eventStream {
		prefix = "id: 7\ndata: "
	}
	for i := 0; i < pieces; i++ {
		text := prefix + sayEcho(r) + "\n\n"
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestEventsLane(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) { streamed(w, r, eventStream, 1000) }
	cut := func(again http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Last-Event-ID") == "7" {
				again(w, r)
				return
			}
			streamed(w, r, eventStream, 1)
			panic(http.ErrAbortHandler)
		}
	}
	tests := []struct {
		name  string
		wrong http.HandlerFunc
		want  outcome
	}{
		{"nothing", endless, outcome{}},
		{"an end that is marked", func(w http.ResponseWriter, r *http.Request) { streamed(w, r, eventStream, 2) }, outcome{told: true}},
		{"a cut, which an EventSource mends", cut(endless), outcome{kind: report.Masked}},
		{"a cut that can't be mended", cut(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }), outcome{kind: report.EOF, pod: true}},
		{"an end that is not marked", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Last-Event-ID") != "" {
				endless(w, r)
				return
			}
			hangUp(w, false, "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 7\ndata: {}\n\n")
		}, outcome{kind: report.Masked}},
		{"a status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, outcome{kind: report.Status}},
		{"another page", func(w http.ResponseWriter, r *http.Request) { streamed(w, r, "text/html", 1) }, outcome{kind: report.BadBody}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runLane(t, LaneSSE, probed(t, endless, tt.wrong), tt.want)
		})
	}
}

func TestDownloadLane(t *testing.T) {
	whole := func(w http.ResponseWriter, r *http.Request) { streamed(w, r, "application/octet-stream", 5) }
	tests := []struct {
		name  string
		wrong http.HandlerFunc
		want  outcome
	}{
		{"nothing", whole, outcome{}},
		{"a cut between chunks", func(w http.ResponseWriter, r *http.Request) { whole(w, r); panic(http.ErrAbortHandler) }, outcome{kind: report.EOF, pod: true}},
		{"a reset", func(w http.ResponseWriter, r *http.Request) {
			hangUp(w, true, "")
		}, outcome{kind: report.Reset}},
		{"fewer bytes than promised", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000")
			whole(w, r)
		}, outcome{kind: report.EOF, pod: true}},
		{"an end that is not marked", func(w http.ResponseWriter, r *http.Request) {
			hangUp(w, false, "HTTP/1.0 200 OK\r\n\r\nbytes")
		}, outcome{kind: report.BadBody}},
		{"a status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, outcome{kind: report.Status}},
		{"an answer that takes too long", func(w http.ResponseWriter, r *http.Request) { streamed(w, r, "application/octet-stream", 1000) }, outcome{kind: report.Timeout}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runLane(t, LaneDownload, probed(t, whole, tt.wrong), tt.want, func(o *Options) {
				if tt.want.kind == report.Timeout {
					o.Timeout = 500 * time.Millisecond
				}
			})
		})
	}
}
