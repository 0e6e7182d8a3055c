package verify

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/lameduck-dev/lameduck/report"
)

// outcome is what a lane has to count of a server that does one thing wrong with each request, or with
// every second one; the zero value is that of a server without fault.
type outcome struct {
	kind   report.Kind // of all that is lost, or Masked
	or     report.Kind // of some of it, as the client's own goroutines fall
	second bool        // every second request fails, at most
	told   bool        // all are told
	pod    bool        // the loss is attributed to the pod
}

// runLane runs the lane against url and holds its counts against want.
func runLane(t *testing.T, lane, url string, want outcome, change ...func(o *Options)) {
	t.Helper()
	o := Options{
		URL: url, Lanes: []string{lane}, Rate: 20, Duration: 490 * time.Millisecond, Conns: 1,
		Timeout: 10 * time.Second, Hold: 400 * time.Millisecond, IdleTimeout: 10 * time.Second,
	}
	for _, c := range change {
		c(&o)
	}
	result := mustRun(t, o)
	c := result.Totals
	failed := c.Requests - c.OK - draining(result.Losses)
	switch {
	case c.Requests < 8:
		t.Errorf("%d requests, want about 10", c.Requests)
	case want.kind == "" && failed > 0, want.kind != "" && failed == 0, want.kind != "" && !want.second && c.OK > 0:
		t.Errorf("%+v, want kind %q (every second: %v): %+v", c, want.kind, want.second, result.Losses)
	case c.Kinds[want.kind]+c.Kinds[want.or] != failed-c.Kinds[report.Late] && want.kind != "", c.Masked != c.Kinds[report.Masked]:
		t.Errorf("%+v, want all to be %q: %+v", c, want.kind, result.Losses)
	case want.told && c.Told != c.Requests, !want.told && c.Told > 0:
		t.Errorf("%d of %d were told, want all: %v", c.Told, c.Requests, want.told)
	}
	for _, loss := range result.Losses {
		if want.pod && (len(loss.Pods) != 1 || loss.Pods[0] != "app-1") {
			t.Errorf("of pod %v: %+v", loss.Pods, loss)
		}
	}
	if q := result.Lanes[0].Latency[report.Before]; o.Hold > 0 && c.OK > 0 && q.P50 > 350 && want.kind != report.Timeout {
		t.Errorf("latency %+v: it must not hold the time that a request was held", q)
	}
}

// draining counts the calls that grpc-go fails by itself: on a busy machine they overlap, and one that was
// given to a connection just before its GOAWAY is not sent again. It is lost, and no fault of the counting.
func draining(losses []report.Loss) (n int) {
	for _, loss := range losses {
		if strings.Contains(loss.Detail, "the connection is draining") {
			n++
		}
	}
	return n
}

// everySecond does with every second request of a connection what a test wants.
func everySecond(wrong func(r *rawStream)) func(r *rawStream) {
	return func(r *rawStream) {
		if r.before%2 == 1 {
			wrong(r)
			return
		}
		r.answer()
	}
}

func TestHTTP2Lanes(t *testing.T) {
	const untold = 1<<31 - 1
	tests := []struct {
		name       string
		wrong      func(r *rawStream)
		h2, grpc   outcome
		grpcStream outcome
	}{
		{name: "nothing", wrong: (*rawStream).answer},
		{
			name: "GOAWAY without the stream, which a client sends again",
			wrong: everySecond(func(r *rawStream) {
				_ = r.WriteGoAway(r.id-2, http2.ErrCodeNo, nil)
			}),
			h2:         outcome{kind: report.Masked, second: true},
			grpc:       outcome{kind: report.Masked, second: true},
			grpcStream: outcome{kind: report.Masked, second: true},
		},
		{
			name: "GOAWAY with the stream, which is answered",
			wrong: everySecond(func(r *rawStream) {
				_ = r.WriteGoAway(untold, http2.ErrCodeNo, nil)
				_ = r.WriteGoAway(r.id, http2.ErrCodeNo, nil)
				r.answer()
			}),
		},
		{
			name: "a refused stream, which a client sends again",
			wrong: everySecond(func(r *rawStream) {
				_ = r.WriteRSTStream(r.id, http2.ErrCodeRefusedStream)
			}),
			h2:         outcome{kind: report.Masked, second: true},
			grpc:       outcome{kind: report.Masked, second: true},
			grpcStream: outcome{kind: report.Masked, second: true},
		},
		{
			name: "a stream reset in the middle of its answer",
			wrong: func(r *rawStream) {
				r.begin()
				_ = r.WriteRSTStream(r.id, http2.ErrCodeInternal)
			},
			h2: outcome{kind: report.RSTStream}, grpc: outcome{kind: report.RSTStream}, grpcStream: outcome{kind: report.RSTStream},
		},
		{
			name:       "a connection closed in the middle of an answer",
			wrong:      func(r *rawStream) { r.begin(); r.cut(false) },
			h2:         outcome{kind: report.EOF},
			grpc:       outcome{kind: report.EOF, pod: true},
			grpcStream: outcome{kind: report.EOF, pod: true},
		},
		{
			name:       "a connection reset in the middle of an answer",
			wrong:      func(r *rawStream) { r.begin(); time.Sleep(20 * time.Millisecond); r.cut(true) },
			h2:         outcome{kind: report.Reset},
			grpc:       outcome{kind: report.Reset, or: report.EOF},
			grpcStream: outcome{kind: report.Reset, or: report.EOF},
		},
		{
			name: "GOAWAY with the stream, which is cut then",
			wrong: func(r *rawStream) {
				r.begin()
				_ = r.WriteGoAway(r.id, http2.ErrCodeNo, nil)
				time.Sleep(20 * time.Millisecond)
				r.cut(false)
			},
			h2: outcome{kind: report.GoAway}, grpc: outcome{kind: report.GoAway}, grpcStream: outcome{kind: report.GoAway},
		},
		{
			name:       "an answer that ends without a status",
			wrong:      func(r *rawStream) { r.begin(); _ = r.WriteData(r.id, true, make([]byte, 5)) },
			h2:         outcome{kind: report.BadBody},
			grpc:       outcome{kind: report.NoStatus, pod: true},
			grpcStream: outcome{kind: report.NoStatus, pod: true},
		},
		{
			name: "an error status",
			wrong: func(r *rawStream) {
				if r.grpc() {
					r.begin()
					r.head(true, "grpc-status", "14", "grpc-message", "upstream: connection refused")
					return
				}
				r.head(true, ":status", "503")
			},
			h2:         outcome{kind: report.Status},
			grpc:       outcome{kind: report.StatusKind("UNAVAILABLE"), pod: true},
			grpcStream: outcome{kind: report.StatusKind("UNAVAILABLE"), pod: true},
		},
		{
			name: "a status that nobody knows",
			wrong: func(r *rawStream) {
				if r.grpc() {
					r.begin()
					r.head(true, "grpc-status", "4711")
					return
				}
				r.head(true, ":status", "599")
			},
			h2:         outcome{kind: report.Status},
			grpc:       outcome{kind: report.StatusKind("UNKNOWN"), pod: true},
			grpcStream: outcome{kind: report.StatusKind("UNKNOWN"), pod: true},
		},
		{
			name: "an end with the status OK",
			wrong: func(r *rawStream) {
				r.answer()
				if r.grpc() && r.fields[":path"] == "/grpc.health.v1.Health/Watch" {
					r.head(true, "grpc-status", "0")
				}
			},
			grpcStream: outcome{told: true},
		},
	}
	for _, tt := range tests {
		for _, l := range []struct {
			lane string
			want outcome
		}{{LaneH2, tt.h2}, {LaneGRPC, tt.grpc}, {LaneGRPCStream, tt.grpcStream}} {
			t.Run(l.lane+": "+tt.name, func(t *testing.T) {
				t.Parallel()
				runLane(t, l.lane, rawH2(t, tt.wrong), l.want)
			})
		}
	}
}
