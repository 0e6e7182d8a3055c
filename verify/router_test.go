package verify

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// pods are servers that say their names; once breaking is set, all but the first end every
// connection instead of answering.
func pods(t *testing.T, breaking *atomic.Bool, names ...string) []*url.URL {
	t.Helper()
	var urls []*url.URL
	for i, name := range names {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if i > 0 && breaking.Load() && !strings.HasPrefix(r.Header.Get(RequestID), "probe") {
				hangUp(w, true, "")
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"id":%q,"pod":%q,"peer":%q}`, r.Header.Get(RequestID), name, r.RemoteAddr)
		}))
		t.Cleanup(server.Close)
		target, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, target)
	}
	return urls
}

// Behind a router that reads requests, the pod that a connection met before says nothing of the
// pod that lost the next request.
func TestLossesBehindARouter(t *testing.T) {
	tests := []struct {
		name string
		pods []string
		want report.Confidence
	}{
		{"one pod, as far as the connection tells", []string{"serving", "leaving"}, report.ByConnection},
		{"a pod for each request", []string{"serving", "other", "leaving"}, report.ByTime},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var breaking atomic.Bool
			backends := pods(t, &breaking, tt.pods...)
			healthy := backends[:len(backends)-1]
			var turn atomic.Int64
			router := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				choice := healthy[int(turn.Add(1))%len(healthy)]
				if breaking.Load() {
					choice = backends[len(backends)-1]
				}
				r.SetURL(choice)
			}, ErrorLog: log.New(io.Discard, "", 0)})
			t.Cleanup(router.Close)
			time.AfterFunc(250*time.Millisecond, func() { breaking.Store(true) })
			result := mustRun(t, Options{URL: router.URL, Lanes: []string{LaneKeepAlive}, Rate: 40, Duration: 500 * time.Millisecond, Timeout: 10 * time.Second, Conns: 1})
			if result.Totals.Kinds[report.Status] == 0 {
				t.Fatalf("%+v: the router's 502 is not there", result.Totals)
			}
			for _, loss := range result.Losses {
				want := tt.want
				if len(loss.Pods) == 0 { // a busy machine had the client open another connection, which met no pod before
					want = report.ByTime
				}
				if loss.Confidence != want {
					t.Errorf("%+v: want %q", loss, want)
				}
			}
		})
	}
}

// Without a router, a pod that sees the client's own address and port is at the connection's end.
func TestLossesOverAConnectionOfItsOwn(t *testing.T) {
	var breaking atomic.Bool
	target := pods(t, &breaking, "serving", "leaving")[1]
	time.AfterFunc(250*time.Millisecond, func() { breaking.Store(true) })
	result := mustRun(t, Options{URL: target.String(), Lanes: []string{LanePost}, Rate: 40, Duration: 500 * time.Millisecond, Timeout: 10 * time.Second, Conns: 1})
	certain := 0
	for _, loss := range result.Losses {
		if loss.Confidence == report.Certain {
			certain++
			if !loss.Reused || loss.Pods[0] != "leaving" {
				t.Errorf("%+v: certain of what the connection does not show", loss)
			}
		}
	}
	if certain == 0 {
		t.Errorf("%d losses, of none is the pod certain", len(result.Losses))
	}
}
