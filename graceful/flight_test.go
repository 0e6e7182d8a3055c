package graceful

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"
)

type nothing struct{ http.ResponseWriter }

// processorTime is what the process has used.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func BenchmarkInFlight(b *testing.B) {
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	var mu sync.Mutex
	n := 0
	for _, bb := range []struct {
		name    string
		handler http.Handler
	}{
		{"none", next},
		{"graceful", new(Group).Handler(next)},
		{"mutex", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			n++
			mu.Unlock()
			defer func() { mu.Lock(); n--; mu.Unlock() }()
			next.ServeHTTP(w, r)
		})},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			before := processorTime(b)
			ports := make(chan int, 1)
			ports <- 40000
			b.RunParallel(func(pb *testing.PB) {
				port := <-ports
				ports <- port + 2
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.RemoteAddr = fmt.Sprintf("10.1.2.3:%d", port)
				var w http.ResponseWriter = nothing{}
				for pb.Next() {
					bb.handler.ServeHTTP(w, r)
				}
			})
			// On a busy machine this means more than the time that passed.
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func TestInFlight(t *testing.T) {
	var g Group
	inside, leave := make(chan struct{}), make(chan struct{})
	h := g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		inside <- struct{}{}
		<-leave
		if r.URL.Path == "/panic" {
			panic(http.ErrAbortHandler)
		}
	}))
	var all sync.WaitGroup
	for i, path := range []string{"/", "/panic", "/", "/"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = []string{"10.0.0.1:50001", "[::1]:50003", "@", ""}[i]
		all.Add(1)
		go func() {
			defer all.Done()
			defer func() { _ = recover() }()
			h.ServeHTTP(httptest.NewRecorder(), r)
		}()
		<-inside
		if n := g.InFlight(); n != i+1 {
			t.Errorf("%d in flight, want %d", n, i+1)
		}
	}
	close(leave)
	all.Wait()
	if n := g.InFlight(); n != 0 {
		t.Errorf("%d in flight at the end", n)
	}
}

// TestCountingAllocatesNothing: it costs a request no memory.
func TestCountingAllocatesNothing(t *testing.T) {
	h := new(Group).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	var w http.ResponseWriter = nothing{}
	if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}
