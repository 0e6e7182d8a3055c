package zookeeper

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frame is a message with its length.
func frame(message []byte) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(message)))) + string(message)
}

func welcome(timeout int32) string {
	var e encoder
	e.number(0)
	e.number(timeout)
	e.long(7)
	e.text(strings.Repeat("x", 16))
	return frame(e.out)
}

func header(xid, problem int32) string {
	var e encoder
	e.number(xid)
	e.long(1)
	e.number(problem)
	return string(e.out)
}

// TestFaults has what misbehaves in the place of a server. It is no registry: nothing that
// ZooKeeper does is imitated but the beginning of its answers.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []string // one to each message, and then the end
		hangs   bool
		spec    string
		want    string
	}{
		{name: "closes", want: "closed the connection without an answer"},
		{name: "hangs", hangs: true, spec: "timeout=200ms", want: "no answer within 200ms"},
		{name: "hangs in the middle", answers: []string{welcome(1000)[:9]}, hangs: true, spec: "timeout=200ms", want: "no answer within 200ms"},
		{name: "hangs later", answers: []string{welcome(1000)}, hangs: true, spec: "timeout=200ms", want: "no answer within 200ms"},
		{name: "HTTP", answers: []string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, want: `it is not ZooKeeper, or this is not its port for clients: it answers "HTTP"`},
		{name: "a negative length", answers: []string{"\xff\xff\xff\xff"}, want: "it is not ZooKeeper"},
		{name: "too short", answers: []string{frame([]byte("abc"))}, want: "it gives no session"},
		{name: "no session", answers: []string{welcome(0)}, want: "it gives no session"},
		{name: "cut off", answers: []string{welcome(1000)[:20]}, want: "closed the connection"},
		{name: "half a header", answers: []string{welcome(1000), frame([]byte(header(1, 0)[:8]))}, want: "not ZooKeeper's"},
		{name: "another's answer", answers: []string{welcome(1000), frame([]byte(header(99, 0)))}, want: "not ZooKeeper's"},
		{name: "an error that is unknown", answers: []string{welcome(1000), frame([]byte(header(1, -77)))}, want: "ZooKeeper's error -77"},
		{name: "a list without an end", answers: []string{welcome(1000), frame([]byte(header(1, 0) + "\x00\x00\x00\x01/")), frame([]byte(header(2, 0) + "\x7f\xff\xff\xff"))}, want: "the answer is cut"},
		{name: "two million nodes", answers: []string{welcome(1000), frame([]byte(header(1, 0) + "\x00\x00\x00\x01/")), "\x00\x80\x00\x00"}, hangs: true, want: "it answers with 8 MB, at most 2 MB are read"},
		{name: "many nodes without a name", answers: []string{welcome(1000), frame([]byte(header(1, 0) + "\x00\x00\x00\x01/")), frame([]byte(header(2, 0) + "\x00\x00\x4e\x21" + strings.Repeat("\x00\x00\x00\x00", 20_001)))}, want: "there are 20001, at most 20000 are read"},
		{name: "no TLS", answers: []string{"\x00\x00\x00\x00 is not TLS"}, spec: "ca-file=", want: "leave tls://, ca-file= and cert-file= away"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := misbehave(t, test.answers, test.hangs)
			address := "server=" + server + " " + test.spec
			if test.spec == "ca-file=" {
				address = "server=tls://" + server
			}
			start := time.Now()
			_, err := client(t, "zookeeper service=orders "+address).Find(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			if text := err.Error(); !strings.Contains(text, test.want) || !strings.Contains(text, server) || strings.ContainsAny(text, "\n\r\x1b") {
				t.Errorf("%s, want %s and %s", text, server, test.want)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		_, err := client(t, "zookeeper service=orders server=127.0.0.1:1").Find(t.Context())
		if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "connection refused") {
			t.Error(err)
		}
	})
}

func misbehave(t *testing.T, answers []string, hangs bool) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 4096)
			for _, answer := range answers {
				if _, err := conn.Read(buffer); err != nil {
					break
				}
				io.WriteString(conn, answer)
			}
			if hangs {
				io.Copy(io.Discard, conn)
			} else {
				conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
				conn.Read(buffer) // one more, which gets no answer
			}
			conn.Close()
		}
	}()
	return listener.Addr().String()
}
