package hub

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// A call that was captured can't be sent to another path, nor can one of an agent of the version
// before, which is not sealed for its path (T8).
func TestReplayElsewhere(t *testing.T) {
	paths := []string{hubapi.ConfirmPath, hubapi.RecordPath, hubapi.ReportPath}
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.hub.config.Recorder = &recorder{}
		s.add("a")
		calls := map[string]any{
			hubapi.ConfirmPath: hubapi.ConfirmRequest{Token: bound("a")},
			hubapi.RecordPath:  hubapi.RecordRequest{Token: bound("a"), Records: []string{"nacos service=orders"}},
			hubapi.ReportPath:  hubapi.ReportRequest{Token: bound("a")},
		}
		for _, before := range []bool{false, true} {
			for _, of := range paths {
				plain, err := json.Marshal(calls[of])
				if err != nil {
					t.Fatal(err)
				}
				sealedFor := of
				if before {
					sealedFor = seal.AnyCall
				}
				sealed, _, err := seal.Request(s.public, sealedFor, plain)
				if err != nil {
					t.Fatal(err)
				}
				for _, to := range paths {
					want := http.StatusBadRequest
					if to == of {
						want = http.StatusOK
					}
					if got := s.send("10.1.0.1:4711", to, sealed).Code; got != want {
						t.Errorf("sealed for %q and sent to %s: HTTP status %d, want %d", sealedFor, to, got, want)
					}
				}
			}
		}
	})
}

// A report that is sent again, by an agent that had no answer or by who captured it, is told once.
func TestReportSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		s.delete("a", 60)
		line := termination.Timeline{Steps: []termination.Step{{Phase: termination.LameDuck, Time: time.Now()}}}
		plain, err := json.Marshal(hubapi.ReportRequest{Token: bound("a"), Timeline: line})
		if err != nil {
			t.Fatal(err)
		}
		sealed, _, err := seal.Request(s.public, hubapi.ReportPath, plain)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 * maxReports {
			if code := s.send("10.1.0.1:4711", hubapi.ReportPath, sealed).Code; code != http.StatusOK {
				t.Fatal(code)
			}
			time.Sleep(2 * gather)
		}
		if len(s.events) != 1 {
			t.Errorf("told %q", s.events)
		}
		if problem := s.report("a", time.Second, false); problem != "" {
			t.Errorf("another container's report: %s", problem)
		}
	})
}

// What a pod sends can't become more in memory than some times its size (T2).
func TestListsAreBoundedWhileTheyAreRead(t *testing.T) {
	many := "[" + strings.Repeat("{},", 20_000) + "{}]"
	var line told
	var err error
	bytes := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			line = told{}
			err = json.Unmarshal([]byte(`{"steps": `+many+`, "evidence": `+many+`}`), &line)
		}
	}).AllocedBytesPerOp()
	if err == nil || !strings.Contains(err.Error(), "more than 64 entries") {
		t.Errorf("%d steps were read: %v", len(line.Steps), err)
	}
	if bytes > 500_000 {
		t.Errorf("reading took %d bytes", bytes)
	}
	for text, want := range map[string]int{`{"evidence": null}`: 0, `{}`: 0, `{"evidence": [{"kind": "Quiet"}, {}]}`: 2, `{"evidence": {}}`: -1, `{"evidence": [1]}`: -1} {
		var line told
		if err := json.Unmarshal([]byte(text), &line); (err != nil) != (want < 0) || want >= 0 && len(line.Evidence) != want {
			t.Errorf("%s: %d entries, %v", text, len(line.Evidence), err)
		}
	}
}
