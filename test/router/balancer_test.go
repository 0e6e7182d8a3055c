package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// pod answers requests, and counts them and the connections.
func pod(t *testing.T) (address string, requests, connections *atomic.Int64) {
	requests, connections = new(atomic.Int64), new(atomic.Int64)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(w, r.Body)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), requests, connections
}

// TestBalance: a target that is left gets requests over the connections that stand, and no new
// connection, until the delay is over.
func TestBalance(t *testing.T) {
	staying, _, _ := pod(t)
	leaving, requests, connections := pod(t)
	host := func(address string) string { h, _, _ := net.SplitHostPort(address); return h }
	if host(staying) != host(leaving) {
		t.Fatal("the pods have one address here")
	}
	known := &table{all: []string{staying, leaving}}
	const delay = 500 * time.Millisecond
	front := httptest.NewServer(balance(known, delay))
	t.Cleanup(front.Close)
	send := func() {
		t.Helper()
		for _, sent := range []string{"body", "", "body", ""} {
			method := http.MethodPost
			if sent == "" {
				method = http.MethodGet
			}
			request, err := http.NewRequest(method, front.URL, strings.NewReader(sent))
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK || string(body) != sent {
				t.Fatalf("%s %q, %v", response.Status, body, err)
			}
			response.Body.Close()
		}
	}
	send()
	before, connected := requests.Load(), connections.Load()
	if before == 0 || connected == 0 {
		t.Fatal("the pod that will leave got nothing")
	}
	known.mu.Lock()
	known.all = []string{staying}
	known.mu.Unlock()
	left := time.Now()
	send()
	if requests.Load() == before {
		t.Error("nothing came over the connection that stood")
	}
	for time.Since(left) <= delay {
		send()
	}
	last := requests.Load()
	send()
	if requests.Load() != last || connections.Load() != connected {
		t.Errorf("%d requests after the delay, %d new connections", requests.Load()-last, connections.Load()-connected)
	}
}
