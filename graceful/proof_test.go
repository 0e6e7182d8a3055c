package graceful

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is a server that was started.
type process struct {
	cmd     *exec.Cmd
	address string
}

func startProcess(t *testing.T, how string) process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"="+how)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return process{cmd, strings.TrimSpace(address)}
}

// stop sends SIGTERM, and waits for the exit.
func (p process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// once is a body that can be sent once: a request with it is not tried again.
type once struct{ io.Reader }

// load sends POSTs over connections that are kept, from many clients, to the address of the moment.
type load struct {
	address  atomic.Pointer[string]
	requests atomic.Int64
	lost     atomic.Int64
	unsent   atomic.Int64          // failed before a byte was sent, in the client itself; sent then
	example  atomic.Pointer[error] // of a loss
}

// clients is how many send at a time; perTransport of them share the connections of one pool.
const (
	clients      = 16
	perTransport = 4
)

func (l *load) run(ctx context.Context, protocol func(*http.Protocols)) {
	var all sync.WaitGroup
	for range clients / perTransport {
		protocols := new(http.Protocols)
		protocol(protocols)
		transport := &http.Transport{
			Protocols:           protocols,
			MaxIdleConnsPerHost: perTransport,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, *l.address.Load())
			},
		}
		for i := range perTransport {
			all.Add(1)
			go func() {
				defer all.Done()
				for ctx.Err() == nil {
					if i%2 == 0 { // its connection is idle most of the time
						sleep(ctx, rand.N(50*time.Millisecond))
					}
					l.requests.Add(1)
					sent, err := post(transport)
					for ; err != nil && !sent; sent, err = post(transport) {
						l.unsent.Add(1)
					}
					if err != nil {
						l.lost.Add(1)
						l.example.Store(&err)
					}
				}
			}()
		}
		defer transport.CloseIdleConnections()
	}
	all.Wait()
}

// post sends one request, and reports whether anything of it was sent over an HTTP/2 connection: Go's client
// fails if a GOAWAY comes after it has chosen the connection, and before it writes.
func post(transport *http.Transport) (sent bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent = true }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server/", once{strings.NewReader("hello")})
	if err != nil {
		return true, err
	}
	req.ContentLength = 5
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return sent || !transport.Protocols.UnencryptedHTTP2(), err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && string(answer) != "5\n" {
		err = fmt.Errorf("answered %d %q", resp.StatusCode, answer)
	}
	return true, err
}

// restarts replaces the server so many times, each new one starting before the old one gets SIGTERM, and
// the router knowing it, so that nothing but the stop can lose a request.
func restarts(t *testing.T, how string, protocol func(*http.Protocols), times int, requests int64) *load {
	t.Helper()
	var l load
	serving := startProcess(t, how)
	l.address.Store(&serving.address)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); l.run(ctx, protocol) }()
	for i := range times {
		for l.requests.Load() < requests*int64(i+1)/int64(times) {
			time.Sleep(time.Millisecond)
		}
		next := startProcess(t, how)
		l.address.Store(&next.address)
		serving.stop(t)
		serving = next
	}
	cancel()
	<-done
	serving.stop(t)
	return &l
}

var protocols = map[string]func(*http.Protocols){
	"http1": func(p *http.Protocols) { p.SetHTTP1(true) },
	"h2c":   func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) },
}

// prove restarts a server under load. A request that fails is lost: no client tries one again.
func prove(t *testing.T, how string, times int, requests int64) (lost map[string]int64) {
	lost = map[string]int64{}
	for name, protocol := range protocols {
		l := restarts(t, how, protocol, times, requests)
		lost[name] = l.lost.Load()
		t.Logf("%s, %s: %d restarts, %d requests, %d lost, %d not sent at first", name, how, times, l.requests.Load(), lost[name], l.unsent.Load())
		if err := l.example.Load(); err != nil {
			t.Logf("%s, %s: lost by %v", name, how, *err)
		}
	}
	return lost
}

func TestRestartsLoseNothing(t *testing.T) {
	for protocol, lost := range prove(t, "graceful", 3, 600) {
		if lost > 0 {
			t.Errorf("%s: lost %d", protocol, lost)
		}
	}
}
