package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"

// child is a server in a process of its own.
type child struct {
	name, address string
	cmd           *exec.Cmd
	signalled     time.Time
}

// runCase runs a case against a new server.
func runCase(c testCase, library string) (string, error) {
	server, err := startChild(library)
	if err != nil {
		return "", err
	}
	defer func() { _ = server.cmd.Process.Kill() }()
	return c.run(server)
}

// startChild starts a server. Its port was free a moment ago: if another program has taken it, the next try
// has another.
func startChild(library string) (c *child, err error) {
	for range 3 {
		if c, err = tryStart(library); err == nil {
			break
		}
	}
	return c, err
}

func tryStart(library string) (*child, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	_ = l.Close()
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{name: library, address: address, cmd: exec.Command(program, "serve", library, address)}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		resp, err := http.Post("http://"+address, "text/plain", strings.NewReader("x"))
		if err == nil {
			resp.Body.Close()
			http.DefaultClient.CloseIdleConnections()
			return c, nil
		}
	}
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	return nil, errors.New("the server does not answer")
}

func (c *child) signal() {
	c.signalled = time.Now()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
}

// exit waits for it, at most for 15 s, and says how it ended and when.
func (c *child) exit() string {
	kill := time.AfterFunc(15*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	err := c.cmd.Wait()
	took := time.Since(c.signalled).Round(100 * time.Millisecond)
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed) && failed.ExitCode() < 0:
		return fmt.Sprintf("killed after %v", took)
	case errors.As(err, &failed):
		return fmt.Sprintf("exit %d after %v", failed.ExitCode(), took)
	}
	return fmt.Sprintf("exit 0 after %v", took)
}

// client is a connection that is written by hand.
type client struct {
	net.Conn
	refused bool
	read    *bufio.Reader
}

func (c *child) dial() *client {
	nc, err := net.Dial("tcp", c.address)
	return &client{Conn: nc, refused: err != nil}
}

// get sends a GET on a connection of its own.
func (c *child) get(path string) *client {
	asked := c.dial()
	asked.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
	return asked
}

func (c *client) send(text string) {
	if !c.refused {
		_ = c.SetDeadline(time.Now().Add(15 * time.Second))
		_, _ = io.WriteString(c.Conn, text)
	}
}

// answer reads one response, and says what became of it.
func (c *client) answer() string {
	if c.refused {
		return "refused"
	}
	if c.read == nil {
		c.read = bufio.NewReader(c.Conn)
	}
	resp, err := http.ReadResponse(c.read, nil)
	if err != nil {
		return "cut"
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		return "cut"
	}
	return "answered"
}

// text reads what a hijacked connection gets.
func (c *client) text(want string) string {
	got, err := io.ReadAll(c.Conn)
	if err != nil || string(got) != want {
		return "cut"
	}
	return "got it"
}

// postOnce sends a POST that can't be repeated. It reports whether anything was sent: in HTTP/2 Go's client
// fails before that if a GOAWAY comes when it has chosen the connection.
func postOnce(transport *http.Transport) (sent bool, err error) {
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{WroteHeaders: func() { sent = true }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server/", struct{ io.Reader }{strings.NewReader("hello")})
	if err != nil {
		return true, err
	}
	req.ContentLength = 5
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return sent, err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return true, err
}

// restarts replaces the server twenty times under POSTs that can't be repeated.
func restarts(c *child, h2c bool) (string, error) {
	var address atomic.Pointer[string]
	address.Store(&c.address)
	var sent, lost atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var clients sync.WaitGroup
	for range 8 {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!h2c)
		protocols.SetUnencryptedHTTP2(h2c)
		transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, *address.Load())
		}}
		defer transport.CloseIdleConnections()
		for range 2 {
			clients.Go(func() {
				for ctx.Err() == nil {
					sent.Add(1)
					wrote, err := postOnce(transport)
					for err != nil && !wrote && h2c {
						wrote, err = postOnce(transport)
					}
					if err != nil {
						lost.Add(1)
					}
				}
			})
		}
	}
	for i := range int64(20) {
		for sent.Load() < 1000*(i+1) {
			time.Sleep(time.Millisecond)
		}
		next, err := startChild(c.name)
		if err != nil {
			return "", err
		}
		address.Store(&next.address)
		c.signal()
		c.exit()
		c = next
	}
	cancel()
	clients.Wait()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	return fmt.Sprintf("%d of %d", lost.Load(), sent.Load()), nil
}
