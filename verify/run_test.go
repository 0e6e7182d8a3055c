package verify

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// Everything here runs in a bubble with a clock of its own, so that counts and latencies are exact.

func mustRun(t *testing.T, o Options) *report.Verify {
	t.Helper()
	result, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c := result.Totals
	if c.Requests != c.OK+c.Lost+c.Masked {
		t.Errorf("requests are not OK + lost + masked: %+v", c)
	}
	return result
}

func TestRunSendsOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sent := map[string][]time.Duration{}
		var start time.Time
		network := serve(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			if start.IsZero() {
				start = time.Now()
			}
			id := r.Header.Get(RequestID)
			lane := strings.Split(id, "-")[1]
			if !strings.HasPrefix(id, "probe") {
				sent[r.Method+" "+lane] = append(sent[r.Method+" "+lane], time.Since(start))
			}
			mu.Unlock()
			time.Sleep(70 * time.Millisecond) // more than an interval: requests overlap
			echo(w, r)
		})
		actionAt := time.Duration(0)
		result := mustRun(t, Options{
			URL: "http://app", Dial: network.Dial, Rate: 60, Before: 990 * time.Millisecond, After: 2 * time.Second,
			Action: func(context.Context) error {
				actionAt = time.Since(start)
				time.Sleep(time.Second)
				return nil
			},
			ActionName: "sleep",
		})
		if c := result.Totals; c.Requests != 240 || c.OK != 240 {
			t.Errorf("%+v, want 240 requests, all OK", c)
		}
		for lane, times := range sent {
			for i := 1; i < len(times); i++ {
				if gap := times[i] - times[i-1]; gap != 50*time.Millisecond {
					t.Fatalf("%s: request %d came %v after the one before, want 50ms", lane, i, gap)
				}
			}
			if len(times) != 80 {
				t.Errorf("%s: %d requests, want 80", lane, len(times))
			}
		}
		if len(sent) != 3 || len(sent["POST post"]) == 0 {
			t.Errorf("lanes seen by the server: %v", len(sent))
		}
		for _, lane := range result.Lanes {
			want := map[report.Window]int64{report.Before: 20, report.During: 20, report.After: 40}
			for window, n := range want {
				if q := lane.Latency[window]; q.Count != n || q.P50 < 70 || q.Max > 71 {
					t.Errorf("%s %s: %+v, want %d of 70 ms", lane.Name, window, q, n)
				}
			}
		}
		if result.Action == nil || result.Action.Name != "sleep" || result.Action.Ended.Sub(result.Action.Began) != time.Second {
			t.Errorf("action %+v at %v", result.Action, actionAt)
		}
	})
}

// A stall of the server must show in the latencies of all requests that were due meanwhile, not
// only in those that happened to be in flight.
func TestStallShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var start time.Time
		network := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if start.IsZero() {
				start = time.Now()
			}
			// It stalls from the 2nd second to the 3rd.
			if since := time.Since(start); since >= 2*time.Second && since < 3*time.Second {
				time.Sleep(3*time.Second - since)
			}
			echo(w, r)
		})
		result := mustRun(t, Options{URL: "http://app", Dial: network.Dial, Rate: 300, Duration: 9997 * time.Millisecond})
		if result.Totals.OK != 3000 {
			t.Errorf("%+v, want 3000 OK", result.Totals)
		}
		for _, lane := range result.Lanes {
			q := lane.Latency[report.Before]
			// One second of ten: a tenth of all requests waited, evenly between 0 and 1 s.
			if q.Max < 980 || q.P99 < 880 || q.P99 > 920 || q.P50 > 1 {
				t.Errorf("%s: %+v, want a maximum of 1 s, p99 of 0.9 s, p50 of 0", lane.Name, q)
			}
		}
	})
}

func TestUnsentIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := serve(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(100 * time.Millisecond)
			echo(w, r)
		})
		// Ten a second can be served with one in flight; 40 a second are due.
		result := mustRun(t, Options{
			URL: "http://app", Dial: network.Dial, Lanes: []string{LaneKeepAlive}, Rate: 40, Duration: 4990 * time.Millisecond,
			MaxInFlight: 1, Timeout: time.Second,
		})
		c := result.Totals
		if c.Requests != 200 {
			t.Errorf("%d requests intended, want 200", c.Requests)
		}
		if c.Unsent == 0 || c.Unsent != c.Kinds[report.Unsent] || c.Lost != c.Unsent {
			t.Errorf("%+v, want all lost ones to be unsent", c)
		}
		if sent := c.Requests - c.Unsent; sent > 56 {
			t.Errorf("%d were sent, more than one connection can serve", sent)
		}
		for _, loss := range result.Losses {
			if loss.Kind == report.Unsent && !strings.Contains(loss.Detail, "as many requests in flight as allowed, 1") {
				t.Fatalf("unsent, but it says %q", loss.Detail)
			}
		}
	})
}

func TestTimeoutCountsFromIntendedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.Header.Get(RequestID), "probe") {
				_, _ = io.Copy(io.Discard, r.Body) // else net/http does not see that the client is gone
				<-r.Context().Done()
				return
			}
			echo(w, r)
		})
		result := mustRun(t, Options{URL: "http://app", Dial: network.Dial, Lanes: []string{LanePost}, Rate: 10, Duration: 990 * time.Millisecond, Timeout: 500 * time.Millisecond})
		if c := result.Totals; c.Lost != 10 || c.Kinds[report.Timeout] != 10 {
			t.Errorf("%+v, want 10 timeouts", c)
		}
		for _, loss := range result.Losses {
			if took := loss.Seen.Sub(loss.Intended); took != 500*time.Millisecond {
				t.Errorf("lost after %v", took)
			}
		}
	})
}

// A connect that fails is hidden by net/http when another connection becomes free first.
func TestMaskedConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := serve(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(60 * time.Millisecond)
			echo(w, r)
		})
		dials := 0
		dial := func(ctx context.Context, n, a string) (net.Conn, error) {
			dials++
			if dials <= 2 { // the probe's, and the lane's first
				return network.Dial(ctx, n, a)
			}
			time.Sleep(100 * time.Millisecond)
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		// The second request is due while the first has the connection, and gets it in the end.
		result := mustRun(t, Options{URL: "http://app", Dial: dial, Lanes: []string{LaneKeepAlive}, Rate: 20, Duration: 99 * time.Millisecond, Conns: 1})
		if c := result.Totals; c.OK != 1 || c.Masked != 1 || c.Lost != 0 {
			t.Fatalf("%+v, want one OK and one masked", c)
		}
		if loss := result.Losses[0]; loss.Kind != report.Masked || !strings.Contains(loss.Detail, "connection refused") {
			t.Errorf("%+v", loss)
		}
	})
}

func TestRunStops(t *testing.T) {
	t.Run("when it is interrupted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := serve(t, func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(10 * time.Millisecond)
				echo(w, r)
			})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			result, err := Run(ctx, Options{URL: "http://app", Dial: network.Dial, Duration: time.Hour})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("error %v", err)
			}
			if c := result.Totals; c.Lost != 0 || c.Requests < 490 {
				t.Errorf("%+v: what the interrupt cut is nobody's loss", c)
			}
		})
	})
	t.Run("when the action takes too long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := serve(t, echo)
			result := mustRun(t, Options{URL: "http://app", Dial: network.Dial, ActionTimeout: time.Second, Action: func(ctx context.Context) error {
				<-ctx.Done()
				return errors.New("the action gave up")
			}})
			if f := result.Action.Failure; !strings.Contains(f, "not complete within 1s") || !strings.Contains(f, "gave up") {
				t.Errorf("failure %q", f)
			}
		})
	})
	t.Run("when the target never answers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := serve(t, http.NotFound)
			_, err := Run(t.Context(), Options{URL: "http://app", Dial: network.Dial})
			if err == nil || !strings.Contains(err.Error(), "GET http://app: status 404") {
				t.Errorf("error %v", err)
			}
		})
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		network := serve(t, echo)
		mustRun(t, Options{URL: "http://app", Dial: network.Dial, Rate: 33.3, Lanes: []string{LaneFresh}, Duration: 5 * time.Second, Progress: &lines})
		want := "   2s  before  67 requests, 0 lost, 0 masked\n   4s  before  134 requests, 0 lost, 0 masked\n"
		if lines.String() != want {
			t.Errorf("progress:\n%swant:\n%s", lines.String(), want)
		}
	})
}

// TestSilentTarget: the wait for a target's first answer is told, with its limit and what to do.
func TestSilentTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		network := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		_, err := Run(t.Context(), Options{URL: "http://app", Dial: network.Dial, Timeout: time.Second, Progress: &lines})
		if err == nil || !strings.Contains(err.Error(), "it does not answer in time: see whether its pods are ready, or give it longer by --timeout") {
			t.Errorf("error %v", err)
		}
		if first, rest, _ := strings.Cut(lines.String(), "\n"); first != "waiting for GET http://app to answer, at most 25s" || strings.Count(rest, "\n") != 11 {
			t.Errorf("progress:\n%s", lines.String())
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		want    string
	}{
		{"no URL", Options{}, `target URL "": must be http://`},
		{"scheme", Options{URL: "ftp://app"}, "must be http://"},
		{"lane", Options{URL: "http://app", Lanes: []string{"http9"}}, `no lane "http9": there are fresh, keepalive, post, h2, grpc, grpc-stream, ws, sse, download`},
		{"lane twice", Options{URL: "http://app", Lanes: []string{"post", "post"}}, `"post" is given twice`},
		{"rate", Options{URL: "http://app", Rate: -1}, "rate -1: must be more than 0"},
		{"duration", Options{URL: "http://app", After: -time.Second}, "after is -1s, must not be negative"},
		{"timeout", Options{URL: "http://app", Timeout: time.Hour}, "timeout 1h0m0s: at most 1m"},
		{"in flight", Options{URL: "http://app", MaxInFlight: -1}, "must not be negative"},
		{"namespace", Options{URL: "http://app", Cluster: &Cluster{}}, "no namespace"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Run(t.Context(), tt.options)
			if !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestURLIsNamedAsGiven(t *testing.T) {
	for lane, want := range map[string]string{"fresh": "http://app", "ws": "http://app", "ws=/socket": "http://app/socket", "grpc=http://other/a/b": "http://other/a/b"} {
		r := &run{Options: Options{URL: "http://app", Lanes: []string{lane}}}
		var err error
		if r.Options, r.ways, err = r.withDefaults(); err != nil {
			t.Fatal(err)
		}
		if got := r.givenURL(&r.ways[0]); got != want {
			t.Errorf("%s: %s, want %s", lane, got, want)
		}
	}
}
