package main

import (
	"context"
	"net"
	"net/http"
	"time"
)

// idleEnough is how long a connection must be idle before the server may close it: longer than
// careful clients keep idle connections (verify: 1 s), so that the close races with no request.
const idleEnough = 2 * time.Second

// stop ends the server in the configured way.
func (a *app) stop(listener net.Listener) {
	switch a.config.stop {
	case "shutdown":
		go a.stopCalls(a.config.stopTimeout)
		ctx, cancel := context.WithTimeout(context.Background(), a.config.stopTimeout)
		defer cancel()
		// What is still in flight at the timeout is cut by the exit, as in most applications.
		_ = a.server.Shutdown(ctx)
	case "graceful":
		a.stopping.Store(true)
		close(a.leaving)
		_ = listener.Close()
		calls := make(chan struct{})
		go func() { a.stopCalls(a.config.stopTimeout); close(calls) }()
		a.drain(a.config.stopTimeout)
		<-calls
	}
}

// drain waits until every connection has been idle for idleEnough, or closed by its client once it
// was told to; at most for the timeout.
func (a *app) drain(timeout time.Duration) {
	deadline := time.Now().Add(timeout)
	for time.Now().Before(deadline) {
		if a.quiet(time.Now()) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// quiet reports whether no connection needs the server any more. One on which nothing was ever sent
// counts as idle.
func (a *app) quiet(now time.Time) bool {
	if a.sessions.Load() > 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.conns {
		if c.state == http.StateActive || now.Sub(c.since) < idleEnough {
			return false
		}
	}
	return true
}
