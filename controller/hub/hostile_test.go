package hub

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/controller/restore"
	registries "github.com/lameduck-dev/lameduck/registry/kinds"
)

// TestHostileCallsLeaveNothing: whatever a pod with a valid token sends, and however often, the hub
// keeps no more of it (T2). LAMEDUCK_HOSTILE sets another number of calls.
func TestHostileCallsLeaveNothing(t *testing.T) {
	calls := 6_000
	if text := os.Getenv("LAMEDUCK_HOSTILE"); text != "" {
		var err error
		if calls, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	s := newStage(t)
	restorer := restore.New(restore.Config{
		Open:  registries.All.Open,
		Event: func(*corev1.Pod, string, string, string) {},
		Log:   slog.New(slog.DiscardHandler),
	})
	defer restorer.Close()
	s.hub.config.Recorder = restorer
	for _, name := range []string{"serving", "leaving", "last"} {
		s.add(name)
	}
	s.terminate("leaving")
	s.terminate("last")
	s.slice(10, map[string]string{"last": "leaving"})
	if !s.confirm("leaving", 5).Confirmed {
		t.Fatal("not confirmed")
	}
	hostile := s.hostileCalls()
	began := time.Now()
	s.flood(hostile, 0, 2000)
	before := heap()
	s.flood(hostile, 2000, calls)
	grown := int64(heap()) - int64(before)
	runtime.KeepAlive(hostile)
	t.Logf("%d calls in %v: the heap has grown by %d KiB", calls, time.Since(began).Round(time.Second), grown>>10)
	if grown > 160<<10 {
		t.Errorf("%d calls leave %d KiB, %d bytes each", calls, grown>>10, grown/int64(calls))
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // the second empties what pools still hold
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// hostileCall is a sealed body and where it is sent.
type hostileCall struct {
	path string
	body []byte
}

// hostileCalls are what a pod can think of.
func (s *stage) hostileCalls() (all []hostileCall) {
	add := func(path string, request string) {
		sealed, _, err := seal.Request(s.public, path, []byte(request))
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, hostileCall{path, sealed})
	}
	for _, name := range []string{"serving", "leaving", "last"} {
		token := bound(name)
		for _, entries := range []int{0, 1, maxEntries, 8000} {
			empty := strings.TrimSuffix(strings.Repeat("{},", entries), ",")
			add(hubapi.ReportPath, fmt.Sprintf(`{"token": %q, "timeline": {"steps": [{"phase": "LameDuck"}], "evidence": [%s], "exits": [%s]}}`, token, empty, empty))
			add(hubapi.RecordPath, fmt.Sprintf(`{"token": %q, "records": [%s]}`, token, strings.ReplaceAll(empty, "{}", `""`)))
		}
		add(hubapi.ReportPath, fmt.Sprintf(`{"token": %q, "timeline": {"steps": [{"phase": "LameDuck"}], "evidence": [{"kind": "DeadlineReached", "subject": %q}]}}`, token, strings.Repeat("x", 40_000)))
		add(hubapi.RecordPath, fmt.Sprintf(`{"token": %q, "records": ["nacos service=a ip=10.1.0.1 server=%s:1"]}`, token, strings.Repeat("x", 40_000)))
		for range 5 { // as often as all others together
			add(hubapi.ConfirmPath, fmt.Sprintf(`{"token": %q, "waitSeconds": -1}`, token))
			add(hubapi.ConfirmPath, fmt.Sprintf(`{"token": %q, "waitSeconds": 0, "confirmed": true}`, token))
		}
	}
	add(hubapi.ConfirmPath, strings.Repeat("[", 20_000))
	add(hubapi.ConfirmPath, fmt.Sprintf(`{"token": %q, "waitSeconds": 0}`, strings.Repeat("x", 60_000)))
	return append(all, hostileCall{hubapi.ConfirmPath, make([]byte, hubapi.MaxRequest+1)}, hostileCall{hubapi.ReportPath, make([]byte, 100)})
}

// flood sends calls from many addresses, one of fifty with a token that was never seen.
func (s *stage) flood(hostile []hostileCall, from, count int) {
	var senders sync.WaitGroup
	for part := range 2 {
		senders.Go(func() {
			for i := from + part; i < from+count; i += 2 {
				call := hostile[i%len(hostile)]
				if i%50 == part {
					plain, err := json.Marshal(hubapi.ConfirmRequest{Token: bound("serving") + fmt.Sprint(i)})
					if err != nil {
						s.t.Error(err)
						return
					}
					if call.body, _, err = seal.Request(s.public, hubapi.ConfirmPath, plain); err != nil {
						s.t.Error(err)
						return
					}
					call.path = hubapi.ConfirmPath
				}
				s.send(fmt.Sprintf("10.9.%d.%d:4711", i%2, i%250), call.path, call.body)
			}
		})
	}
	senders.Wait()
}
