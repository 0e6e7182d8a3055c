package graceful

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignals: after SIGTERM the process exits with 0 when all has finished; a second one ends it at once,
// though a request is in flight.
func TestSignals(t *testing.T) {
	for _, signals := range []int{1, 2} {
		p := startProcess(t, "graceful")
		c := dial(t, p.address)
		c.send("POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 0\r\n\r\n")
		c.answer("0\n") // it runs, and so it knows the signals
		c.send("POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 5\r\n\r\nhe")
		other := dial(t, p.address)
		begin := time.Now()
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		for closes := false; !closes; closes = other.answer("0\n") { // until it has heard
			other.send("POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 0\r\n\r\n")
		}
		if signals == 1 {
			c.send("llo")
			if !strings.Contains(readAll(c), "\r\n\r\n5\n") {
				t.Error("the request in flight was not answered")
			}
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("exit: %v", err)
			}
			continue
		}
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		err := p.cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("exit: %v, want 1", err)
		}
		if took := time.Since(begin); took > 7*time.Second { // the drain would go on until 7.2 s
			t.Errorf("took %v", took)
		}
	}
}

func readAll(c *client) string {
	text, _ := io.ReadAll(c.read)
	return string(text)
}

// TestFirstSignalAfterContext: a context that the same signal cancels, as signal.NotifyContext's, does not make
// that signal the second one.
func TestFirstSignalAfterContext(t *testing.T) {
	unsetenv(t)
	l := listen(t)
	g := Group{Quiet: 50 * ms, Signals: []os.Signal{syscall.SIGUSR1}, Logger: slog.New(slog.DiscardHandler)}
	inside, leave := make(chan struct{}), make(chan struct{})
	g.Serve(&http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-leave
		io.WriteString(w, "served")
	})}, l)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- g.Run(ctx) }()
	c := dial(t, l.Addr().String())
	c.send(get)
	<-inside
	cancel()
	untilStopping(&g)
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-result:
		t.Errorf("ended by the first signal: %v", err)
		close(leave)
		return
	case <-time.After(300 * ms):
	}
	close(leave)
	c.answer("served")
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// TestSecondSignalClosesServers: whatever phase it comes in, nothing is served when Run has returned.
func TestSecondSignalClosesServers(t *testing.T) {
	unsetenv(t)
	l := listen(t)
	g := Group{Wait: time.Minute, Grace: 5 * time.Minute, Signals: []os.Signal{syscall.SIGUSR1}, Logger: slog.New(slog.DiscardHandler)}
	inside, left := make(chan struct{}), make(chan error, 1)
	g.Serve(&http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
		left <- context.Cause(r.Context())
	})}, l)
	result := make(chan error, 1)
	go func() { result <- g.Run(context.Background()) }()
	c := dial(t, l.Addr().String())
	c.send(get)
	<-inside
	for range 2 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
		untilStopping(&g)
	}
	if err := <-result; err == nil || !strings.Contains(err.Error(), "a second signal") {
		t.Errorf("error %v", err)
	}
	select {
	case err := <-left:
		if !strings.Contains(err.Error(), "a second signal") {
			t.Errorf("the request's cause is %v", err)
		}
	case <-time.After(2 * s):
		t.Error("a request goes on")
	}
	if nc, err := net.Dial("tcp", l.Addr().String()); err == nil {
		nc.Close()
		t.Error("the listener is open")
		l.Close()
	}
}
