package graceful

import (
	"errors"
	"io"
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
