package verify

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// These run against real sockets: how a kernel and net/http show a failure is what is tested.

// answers is a server that answers the probes, and does with all else what a test wants. It is
// told how many requests came on the connection before.
func answers(t *testing.T, misbehave func(w http.ResponseWriter, r *http.Request, before int)) string {
	t.Helper()
	type countKey struct{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get(RequestID), "probe") {
			echo(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		before := r.Context().Value(countKey{}).(*atomic.Int64).Add(1) - 1
		misbehave(w, r, int(before))
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, countKey{}, new(atomic.Int64))
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// hangUp ends the connection: by a reset or by a close.
func hangUp(w http.ResponseWriter, reset bool, last string) {
	raw, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	if reset {
		_ = raw.(*net.TCPConn).SetLinger(0)
	}
	_, _ = io.WriteString(raw, last)
	raw.Close()
}

func TestKinds(t *testing.T) {
	always := func(f func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, _ *http.Request, _ int) { f(w) }
	}
	reset := always(func(w http.ResponseWriter) { hangUp(w, true, "") })
	closed := always(func(w http.ResponseWriter) { hangUp(w, false, "") })
	// Every second request on a connection meets its end, as with a server that closes connections
	// that it takes for idle.
	idleRace := func(w http.ResponseWriter, r *http.Request, before int) {
		if before%2 == 1 {
			hangUp(w, false, "")
			return
		}
		echo(w, r)
	}
	refuse := func(_ context.Context, network, _ string) (net.Conn, error) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		address := listener.Addr().String()
		listener.Close()
		return net.Dial(network, address)
	}
	fail := func(errno syscall.Errno) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: errno}
		}
	}
	tests := []struct {
		name  string
		lane  string
		serve func(http.ResponseWriter, *http.Request, int)
		dial  func(context.Context, string, string) (net.Conn, error) // for all but the probe
		want  report.Kind
	}{
		{"a reset", LaneFresh, reset, nil, report.Reset},
		{"a reset post", LanePost, reset, nil, report.Reset},
		{"closed without an answer", LaneFresh, closed, nil, report.EOF},
		{"closed in the middle of an answer", LaneFresh, always(func(w http.ResponseWriter) {
			hangUp(w, false, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":")
		}), nil, report.EOF},
		{"closed in the middle of a stream", LaneFresh, always(func(w http.ResponseWriter) {
			hangUp(w, false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\n\n\r\n")
		}), nil, report.EOF},
		{"status 500", LaneKeepAlive, always(func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }), nil, report.Status},
		{"status 404", LaneKeepAlive, always(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }), nil, report.Status},
		{"the answer to another request", LaneKeepAlive, always(func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"id":"another","pod":"app-1"}`)
		}), nil, report.BadBody},
		{"another page", LaneKeepAlive, always(func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }), nil, report.BadBody},
		{"a stall", LaneFresh, always(func(http.ResponseWriter) { time.Sleep(400 * time.Millisecond) }), nil, report.Timeout},
		{"refused", LaneFresh, nil, refuse, report.Refused},
		{"no route", LaneFresh, nil, fail(syscall.EHOSTUNREACH), report.Unreachable},
		{"no such name", LaneFresh, nil, func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		}, report.Unreachable},
		{"anything else", LaneFresh, nil, fail(syscall.EMFILE), report.Other},
		{"closed while idle, GET", LaneKeepAlive, idleRace, nil, report.Masked},
		{"closed while idle, POST", LanePost, idleRace, nil, report.EOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := answers(t, tt.serve)
			var dials atomic.Int64
			timeout := 10 * time.Second // not to be met, however busy the machine is
			if tt.want == report.Timeout {
				timeout = 300 * time.Millisecond
			}
			result, err := Run(t.Context(), Options{
				URL: url, Lanes: []string{tt.lane}, Rate: 40, Duration: 490 * time.Millisecond, Timeout: timeout, Conns: 1,
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					if tt.dial != nil && dials.Add(1) > 1 {
						return tt.dial(ctx, network, address)
					}
					return (&net.Dialer{}).DialContext(ctx, network, address)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			c := result.Totals
			if c.Requests < 15 || c.Requests != c.OK+c.Lost+c.Masked {
				t.Errorf("%+v, want about 20 requests", c)
			}
			// The race meets every second request, or fewer if connections overlap; all else meets all.
			wanted := c.Requests - c.OK - c.Kinds[report.Late]
			if raced := tt.want == report.Masked || tt.lane == LanePost && tt.want == report.EOF; wanted < 1 || !raced && c.OK > 0 {
				t.Errorf("only %d of %d failed", wanted, c.Requests)
			}
			if got := c.Kinds[tt.want]; got != wanted || len(result.Losses) != c.Requests-c.OK {
				t.Errorf("%v, %d listed: want %d %s", c.Kinds, len(result.Losses), wanted, tt.want)
			}
			known := 0
			for _, loss := range result.Losses {
				switch {
				case loss.Kind != report.Masked:
				case loss.Attempts < 2 || !loss.Reused:
					t.Errorf("masked: %+v, want two connections or more", loss)
				case len(loss.Pods) == 0: // the next request took the connection before the answer was read
				case loss.Pods[0] != "app-1" || loss.Confidence != report.Certain:
					t.Errorf("masked: %+v, want the first connection with app-1", loss)
				default:
					known++
				}
			}
			if c.Masked > 0 && known == 0 {
				t.Errorf("of %d masked none is known to be of app-1: %+v", c.Masked, result.Losses)
			}
		})
	}
}
