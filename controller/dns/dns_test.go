package dns

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answerOf is what a server says of a name: addresses with a TTL, or a code.
func answerOf(t testing.TB, code dnsmessage.RCode, ttl uint32, addresses ...string) []byte {
	t.Helper()
	name := dnsmessage.MustNewName("db.shop.svc.cluster.local.")
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true, RCode: code}, Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	for _, address := range addresses {
		ip := netip.MustParseAddr(address)
		header := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: ttl}
		if ip.Is4() {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}})
		} else {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// server answers every question with the bytes, and then closes.
func server(t *testing.T, answer []byte) netip.AddrPort {
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
			var size [2]byte
			if _, err := io.ReadFull(conn, size[:]); err == nil {
				_, _ = io.ReadFull(conn, make([]byte, binary.BigEndian.Uint16(size[:])))
				_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			}
			conn.Close()
		}
	}()
	return netip.MustParseAddrPort(listener.Addr().String())
}

func TestGives(t *testing.T) {
	other := answerOf(t, dnsmessage.RCodeSuccess, 7, "10.1.0.9")
	tests := []struct {
		name    string
		answers [][]byte // one a server
		gives   bool
		ttl     time.Duration
		err     string
	}{
		{"none", nil, false, 0, "0 servers"},
		{"others only", [][]byte{other, other}, false, 7 * time.Second, ""},
		{"one of two still does", [][]byte{other, answerOf(t, dnsmessage.RCodeSuccess, 30, "10.1.0.8", "10.1.0.7")}, true, 30 * time.Second, ""},
		{"in IPv6", [][]byte{answerOf(t, dnsmessage.RCodeSuccess, 5, "fd00::7")}, true, 5 * time.Second, ""},
		{"no such name", [][]byte{answerOf(t, dnsmessage.RCodeNameError, 0)}, false, 0, ""},
		{"it fails", [][]byte{other, answerOf(t, dnsmessage.RCodeServerFailure, 0)}, false, 0, "ServerFailure"},
		{"nonsense", [][]byte{[]byte("HTTP/1.1 400 Bad Request")}, false, 0, "asking 127.0.0.1"},
		{"cut off", [][]byte{other[:20]}, false, 0, "asking 127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var servers []netip.AddrPort
			for _, answer := range tt.answers {
				servers = append(servers, server(t, answer))
			}
			a := &Asker{Domain: DefaultDomain, Servers: func() []netip.AddrPort { return servers }}
			gives, ttl, err := a.Gives(t.Context(), "shop", []string{"db"}, []string{"10.1.0.7", "fd00::7"})
			if gives != tt.gives || ttl != tt.ttl || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("gives %t for %v, %v", gives, ttl, err)
			}
		})
	}
}

func TestDomain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	for text, want := range map[string]string{
		"search lameduck-system.svc.k8s.example svc.k8s.example k8s.example\nnameserver 10.96.0.10\n": "k8s.example",
		"nameserver 10.96.0.10\n": DefaultDomain, "": DefaultDomain,
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := Domain(file); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := Domain(file + ".not"); got != DefaultDomain {
		t.Error(got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(answerOf(f, dnsmessage.RCodeSuccess, 30, "10.1.0.7", "fd00::7"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		addresses, _, err := read(answer)
		if err != nil && len(addresses) > 0 {
			t.Errorf("%v beside %v", addresses, err)
		}
	})
}
