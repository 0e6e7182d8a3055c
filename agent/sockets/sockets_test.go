package sockets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair is a connection over real loopback sockets, seen from both ends.
type pair struct {
	client, server *net.TCPConn
	port           uint16
}

func listenOn(t testing.TB, address string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func portOf(l *net.TCPListener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

func connect(t testing.TB, l *net.TCPListener, host string) pair {
	t.Helper()
	client, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(portOf(l))))
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return pair{client.(*net.TCPConn), server, portOf(l)}
}

// close ends the connection from one side first.
func (p pair) close(serverFirst bool) {
	first, second := p.client, p.server
	if serverFirst {
		first, second = second, first
	}
	first.Close()
	io.ReadAll(second)
	second.Close()
}

func openReader(t testing.TB) *Reader {
	t.Helper()
	r := Open()
	if err := r.Refused(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// tableReader is a Reader as it is where inet_diag is refused.
func tableReader() *Reader { return &Reader{proc: "/proc", refused: syscall.EPERM} }

func look(t testing.TB, r *Reader) Look {
	t.Helper()
	got, err := r.Look()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func on(conns []Conn, port uint16) []Conn {
	var found []Conn
	for _, c := range conns {
		if c.Port == port {
			found = append(found, c)
		}
	}
	return found
}

// until looks again until enough shows, since the kernel tells of ended connections late.
func until(t *testing.T, r *Reader, what string, enough func(Look) bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if enough(look(t, r)) {
			return
		}
	}
	t.Fatalf("never seen: %s", what)
}

func TestLookSeesConnections(t *testing.T) {
	tests := []struct {
		name, listen, dial string
		peer               netip.Addr
	}{
		{"IPv4", "127.0.0.1:0", "127.0.0.1", netip.MustParseAddr("127.0.0.1")},
		{"IPv6", "[::1]:0", "::1", netip.MustParseAddr("::1")},
		{"IPv4 client of a [::] listener", "[::]:0", "127.0.0.1", netip.MustParseAddr("127.0.0.1")},
	}
	for _, reader := range []string{"inet_diag", "tables"} {
		for _, tt := range tests {
			t.Run(reader+" "+tt.name, func(t *testing.T) {
				r := tableReader()
				if reader == "inet_diag" {
					r = openReader(t)
				}
				l := listenOn(t, tt.listen)
				before := look(t, r)
				if got := on(before.Conns, portOf(l)); len(got) != 0 {
					t.Fatalf("before: %+v", got)
				}
				p := connect(t, l, tt.dial)
				first := look(t, r)
				if first.Opens < before.Opens+1 {
					t.Errorf("opens went from %d to %d", before.Opens, first.Opens)
				}
				got := slices.Clone(on(first.Conns, p.port))
				if len(got) != 1 || got[0].Peer != tt.peer || !got[0].Established || !got[0].Self || got[0].ID == 0 {
					t.Fatalf("connected: %+v", got)
				}
				client := uint16(p.client.LocalAddr().(*net.TCPAddr).Port)
				if out := on(first.Conns, client); len(out) != 0 {
					t.Errorf("the outbound end is listed: %+v", out)
				}
				l.Close()
				second := on(look(t, r).Conns, p.port)
				if len(second) != 1 || second[0].ID != got[0].ID {
					t.Errorf("with its listener gone: %+v, want ID %d", second, got[0].ID)
				}
			})
		}
	}
}

func TestLookSeesWhatCameAndWent(t *testing.T) {
	for _, closes := range []string{"client", "server"} {
		t.Run(closes+" closes first", func(t *testing.T) {
			r := openReader(t)
			l := listenOn(t, "[::]:0")
			look(t, r)
			p := connect(t, l, "127.0.0.1")
			p.close(closes == "server")
			until(t, r, "the connection's end", func(l Look) bool {
				gone := on(l.Gone, p.port)
				return len(gone) == 1 && gone[0].Peer == netip.MustParseAddr("127.0.0.1")
			})
		})
	}
}

// TestLookRemembersThePast: the first look has the peers whose connections the pod closed first within the
// last minute, and only that one.
func TestLookRemembersThePast(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *Reader{"inet_diag": openReader, "tables": func(testing.TB) *Reader { return tableReader() }} {
		for closes, count := range map[string]int{"client": 0, "server": 3} {
			t.Run(name+", "+closes+" closes first", func(t *testing.T) {
				l := listenOn(t, "[::]:0")
				for range 3 {
					p := connect(t, l, "127.0.0.1")
					p.close(closes == "server")
				}
				past := func(look Look) (found []Past) {
					for _, one := range look.Past {
						if one.Port == portOf(l) {
							found = append(found, one)
						}
					}
					return found
				}
				var got []Past
				for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
					r := open(t)
					got = past(look(t, r))
					if again := past(look(t, r)); len(again) > 0 {
						t.Fatalf("a later look has %+v", again)
					}
					if count == 0 || len(got) == 1 && got[0].Count == count || time.Now().After(deadline) {
						break
					}
				}
				if count == 0 {
					if len(got) > 0 {
						t.Errorf("%+v", got)
					}
					return
				}
				if len(got) != 1 || got[0].Count != count || got[0].Peer != netip.MustParseAddr("127.0.0.1") || !got[0].Self || got[0].Seconds&0x7ff == 0 || got[0].Seconds>>11 != 0 {
					t.Errorf("%+v, want %d of the last seconds", got, count)
				}
			})
		}
	}
}

func TestPastIsBounded(t *testing.T) {
	var p pasts
	for i := range maxPast + 1 {
		p.add(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 8080, false, uint32(i))
	}
	if look := p.addTo(Look{}); len(look.Past) != maxPast || !look.PastMore {
		t.Errorf("%d peers, more %t", len(look.Past), look.PastMore)
	}
}

func TestGoneKeepsTheID(t *testing.T) {
	r := openReader(t)
	l := listenOn(t, "127.0.0.1:0")
	look(t, r)
	p := connect(t, l, "127.0.0.1")
	id := on(look(t, r).Conns, p.port)[0].ID
	p.client.Close()
	p.server.Close()
	until(t, r, "the end of the connection that was seen", func(l Look) bool {
		gone := on(l.Gone, p.port)
		return len(gone) == 1 && gone[0].ID == id
	})
}

func TestFilterWithManyPorts(t *testing.T) {
	for _, listeners := range []int{1, 2, maxFiltered, maxFiltered + 1} {
		t.Run(fmt.Sprint(listeners), func(t *testing.T) {
			r := openReader(t)
			var pairs []pair
			for range listeners {
				pairs = append(pairs, connect(t, listenOn(t, "127.0.0.1:0"), "127.0.0.1"))
			}
			got := look(t, r)
			for _, p := range pairs {
				if len(on(got.Conns, p.port)) != 1 {
					t.Errorf("port %d: %+v", p.port, on(got.Conns, p.port))
				}
			}
		})
	}
}

// TestFilterIsTheKernels checks the program itself: what the kernel hands over with it,
// before anything is sorted out here.
func TestFilterIsTheKernels(t *testing.T) {
	r := openReader(t)
	first, second := connect(t, listenOn(t, "127.0.0.1:0"), "127.0.0.1"), connect(t, listenOn(t, "127.0.0.1:0"), "127.0.0.1")
	connect(t, listenOn(t, "127.0.0.1:0"), "127.0.0.1")
	want := []uint16{first.port, second.port}
	slices.Sort(want)
	for n := 1; n <= 2; n++ {
		var got []uint16
		err := r.diag.dump(request(syscall.AF_INET, open, portFilter(want[:n])), func(s diagSock) error {
			got = append(got, s.port)
			return nil
		})
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want[:n]) {
			t.Errorf("ports %v, %v, want %v", got, err, want[:n])
		}
	}
}

func TestTooManyConnectionsIsAnErrorAndPasses(t *testing.T) {
	r := openReader(t)
	p := connect(t, listenOn(t, "127.0.0.1:0"), "127.0.0.1")
	failing := errors.New("too many")
	if err := r.diag.dump(request(syscall.AF_INET, open, nil), func(diagSock) error { return failing }); !errors.Is(err, failing) {
		t.Fatalf("got %v", err)
	}
	if err := r.diag.reset(); err != nil {
		t.Fatal(err)
	}
	if got := on(look(t, r).Conns, p.port); len(got) != 1 {
		t.Errorf("the look after it: %+v", got)
	}
}

func TestMissingProcIsAnError(t *testing.T) {
	r := &Reader{proc: t.TempDir()}
	if _, err := r.Look(); err == nil || !strings.Contains(err.Error(), "net/snmp") {
		t.Errorf("got %v", err)
	}
}

// TestUnprivileged runs the tests above again as nobody, without a capability: as in a pod
// under the restricted standard. Run by somebody else, they were unprivileged to begin with.
func TestUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		return
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary's own directory is closed to others.
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sockets-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	own := dir + "/sockets.test"
	if err := os.WriteFile(own, data, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(own, "-test.run", "TestLook|TestGone", "-test.v")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("no tests to run")) {
		t.Errorf("as uid 65534: %v\n%s", err, out)
	}
}

// BenchmarkLook10000 leaves the connections in the listeners' queues, so that each costs
// this process one open file, not two.
func BenchmarkLook10000(b *testing.B) {
	const listeners, each = 4, 2500
	var ports []uint16
	for range listeners {
		l := listenOn(b, "[::]:0")
		ports = append(ports, portOf(l))
		for range each {
			client, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", portOf(l)))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { client.Close() })
		}
	}
	for name, r := range map[string]*Reader{"inet_diag": openReader(b), "tables": tableReader()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				seen := 0
				for _, c := range look(b, r).Conns {
					if slices.Contains(ports, c.Port) {
						seen++
					}
				}
				if seen != listeners*each {
					b.Fatalf("%d connections", seen)
				}
			}
		})
	}
}
