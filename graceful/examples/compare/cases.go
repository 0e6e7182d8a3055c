package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// testCase does something with a server that stops, and says in a few words what was seen.
type testCase struct {
	name string
	run  func(*child) (string, error)
}

// late is when a stop is under way.
const late = 300 * time.Millisecond

var cases = []testCase{
	{"exits with nothing to do", func(c *child) (string, error) {
		c.signal()
		return c.exit(), nil
	}},
	{"a request in flight, 2 s", func(c *child) (string, error) {
		slow := c.get("/slow")
		time.Sleep(late)
		c.signal()
		return slow.answer(), nil
	}},
	{"meanwhile: a request on a connection that is open", func(c *child) (string, error) {
		kept := c.dial()
		kept.send(post)
		kept.answer()
		c.get("/slow")
		time.Sleep(late)
		c.signal()
		time.Sleep(late)
		kept.send(post)
		return kept.answer(), nil
	}},
	{"meanwhile: a request of which half had come", func(c *child) (string, error) {
		kept := c.dial()
		kept.send(post)
		kept.answer()
		c.get("/slow")
		kept.send(post[:10])
		time.Sleep(late)
		c.signal()
		time.Sleep(late)
		kept.send(post[10:])
		return kept.answer(), nil
	}},
	{"meanwhile: a new connection", func(c *child) (string, error) {
		c.get("/slow")
		time.Sleep(late)
		c.signal()
		time.Sleep(late)
		fresh := c.dial()
		fresh.send(post)
		return fresh.answer(), nil
	}},
	{"server-sent events", func(c *child) (string, error) {
		events := c.get("/events")
		time.Sleep(late)
		c.signal()
		return events.answer() + ", " + c.exit(), nil
	}},
	{"a hijacked connection with one more message to come", func(c *child) (string, error) {
		socket := c.get("/socket")
		time.Sleep(late)
		c.signal()
		return socket.text("1001\n"), nil
	}},
	{"a request that never ends, 8 s allowed", func(c *child) (string, error) {
		c.get("/never")
		time.Sleep(late)
		c.signal()
		return c.exit(), nil
	}},
	{"the same, and a second SIGTERM after 1 s", func(c *child) (string, error) {
		c.get("/never")
		time.Sleep(late)
		c.signal()
		time.Sleep(time.Second)
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		return c.exit(), nil
	}},
	{"POSTs lost over 20 restarts, HTTP/1.1", func(c *child) (string, error) { return restarts(c, false) }},
	{"the same, HTTP/2 without TLS", func(c *child) (string, error) { return restarts(c, true) }},
	{"requests reset in the listener's queue, 10 stops", queue},
}

// queue connects as fast as it can while the server stops, ten times, and counts requests that were reset
// on connections that stood.
func queue(c *child) (string, error) {
	reset, answered := 0, 0
	for i := range 10 {
		if i > 0 {
			var err error
			if c, err = startChild(c.name); err != nil {
				return "", err
			}
		}
		results := make(chan [2]int)
		for range 8 {
			go func() {
				var counts [2]int
				for {
					nc, err := net.DialTimeout("tcp", c.address, 5*time.Second)
					if err != nil {
						results <- counts
						return
					}
					one := &client{Conn: nc}
					one.send(post)
					if one.answer() == "cut" {
						counts[0]++
					} else {
						counts[1]++
					}
					nc.Close()
				}
			}()
		}
		time.Sleep(late)
		c.signal()
		for range 8 {
			counts := <-results
			reset, answered = reset+counts[0], answered+counts[1]
		}
		c.exit()
	}
	if answered == 0 {
		return "", errors.New("nothing was answered")
	}
	return fmt.Sprint(reset), nil
}
