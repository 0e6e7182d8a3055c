package hub

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

func TestBadRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for name, tt := range map[string]struct {
			method, path string
			body         []byte
			want         int
		}{
			"not sealed":   {http.MethodPost, hubapi.ConfirmPath, []byte(`{"token": "a"}`), 400},
			"empty":        {http.MethodPost, hubapi.ReportPath, nil, 400},
			"too large":    {http.MethodPost, hubapi.ConfirmPath, make([]byte, hubapi.MaxRequest+1), 413},
			"wrong method": {http.MethodGet, hubapi.ConfirmPath, nil, 405},
			"wrong path":   {http.MethodPost, "/", nil, 404},
		} {
			recorder := httptest.NewRecorder()
			s.server.ServeHTTP(recorder, httptest.NewRequest(tt.method, tt.path, bytes.NewReader(tt.body)))
			if recorder.Code != tt.want {
				t.Errorf("%s: HTTP status %d, want %d", name, recorder.Code, tt.want)
			}
		}
		if code := s.post(hubapi.ConfirmPath, []int{1}, nil); code != 400 {
			t.Errorf("other JSON: HTTP status %d, want 400", code)
		}
	})
}

func TestEvent(t *testing.T) {
	at := func(seconds float64) time.Time { return time.Unix(0, int64(seconds*1e9)) }
	steps := []termination.Step{{Phase: termination.LameDuck, Time: at(0)}, {Phase: termination.Draining, Time: at(1.2)}, {Phase: termination.Stopping, Time: at(1.5)}}
	tests := []struct {
		name     string
		confirm  bool
		evidence []termination.Evidence
		want     string
	}{
		{"done", true, nil, "a Normal LameDuckDone: left after 1.5s of 60.0s; 2 nodes confirmed after 0.0s; LameDuck 1.2s; Draining 0.3s"},
		{"unconfirmed", false, nil, "a Warning LameDuckUnconfirmed: left after 1.5s of 60.0s; not confirmed: Service shop/cart (port 80: no other endpoint is ready, so kube-proxy goes on sending to the pod); LameDuck 1.2s; Draining 0.3s"},
		{"late", true, []termination.Evidence{{Kind: termination.DeadlineReached, Subject: "drain", Detail: "3 busy\n\x1b[31m"}}, "a Warning LameDuckLate: left after 1.5s of 60.0s; 2 nodes confirmed after 0.0s; LameDuck 1.2s; Draining 0.3s; out of time: drain 3 busy[31m"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.add("a")
				s.terminate("a")
				s.slice(10, map[string]string{"a": "leaving", "b": map[bool]string{true: "ready", false: "leaving"}[tt.confirm]})
				s.confirm("a", 1)
				for range 3 {
					var response hubapi.ReportResponse
					s.post(hubapi.ReportPath, hubapi.ReportRequest{Token: bound("a"), Timeline: termination.Timeline{Steps: steps, Evidence: tt.evidence}}, &response)
					if response.Error != "" {
						t.Error(response.Error)
					}
				}
				time.Sleep(3 * time.Second)
				synctest.Wait()
				if len(s.events) != 1 || s.events[0] != tt.want {
					t.Errorf("got  %q\nwant %q", s.events, tt.want)
				}
			})
		})
	}
}
