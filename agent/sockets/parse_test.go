package sockets

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"
)

// message wraps a body as netlink does.
func message(kind uint16, seq uint32, body []byte) []byte {
	msg := binary.NativeEndian.AppendUint32(nil, uint32(netlinkHeaderSize+len(body)))
	msg = binary.NativeEndian.AppendUint16(msg, kind)
	msg = binary.NativeEndian.AppendUint16(msg, 0)
	msg = binary.NativeEndian.AppendUint32(msg, seq)
	msg = binary.NativeEndian.AppendUint32(msg, 0)
	msg = append(msg, body...)
	return append(msg, make([]byte, -len(msg)&3)...)
}

// sock is the body of one established IPv4 connection with a tcp_info of the given size.
func sock(infoSize int) []byte {
	body := make([]byte, diagMsgSize)
	body[0], body[1] = syscall.AF_INET, stateEstablished
	binary.BigEndian.PutUint16(body[4:], 8080)
	binary.BigEndian.PutUint16(body[6:], 40000)
	copy(body[8:], []byte{10, 0, 0, 5})
	copy(body[24:], []byte{10, 0, 1, 7})
	binary.NativeEndian.PutUint32(body[44:], 42)
	info := make([]byte, infoSize)
	if infoSize >= infoNeeded {
		binary.NativeEndian.PutUint64(info[infoBytesReceived:], 100)
		binary.NativeEndian.PutUint32(info[infoDataSegsIn:], 2)
		binary.NativeEndian.PutUint32(info[infoDataSegsOut:], 1)
		binary.NativeEndian.PutUint32(info[infoLastDataRecv:], 10)
		binary.NativeEndian.PutUint32(info[infoLastDataSent:], 500)
	}
	body = binary.NativeEndian.AppendUint16(body, uint16(4+infoSize))
	body = binary.NativeEndian.AppendUint16(body, attrInfo)
	return append(body, info...)
}

func TestParseMessages(t *testing.T) {
	refused := binary.NativeEndian.AppendUint32(nil, uint32(0xffffffff)) // -1, EPERM
	two := slices.Concat(message(sockDiagByFamily, 7, sock(280)), message(sockDiagByFamily, 7, sock(280)))
	tests := []struct {
		name  string
		data  []byte
		socks int
		done  bool
		fails bool
	}{
		{"nothing", nil, 0, false, false},
		{"two sockets", two, 2, false, false},
		{"and the end", slices.Concat(two, message(syscall.NLMSG_DONE, 7, make([]byte, 4))), 2, true, false},
		{"of another dump", message(sockDiagByFamily, 6, sock(280)), 0, false, false},
		{"refused", message(syscall.NLMSG_ERROR, 7, refused), 0, true, true},
		{"refused at the end", message(syscall.NLMSG_DONE, 7, refused), 0, true, true},
		{"an error that is none", message(syscall.NLMSG_ERROR, 7, make([]byte, 4)), 0, true, true},
		{"a socket cut short", message(sockDiagByFamily, 7, sock(280)[:diagMsgSize-1]), 0, false, true},
		{"an attribute cut short", message(sockDiagByFamily, 7, sock(280)[:diagMsgSize+100]), 0, false, true},
		{"a length beyond the data", two[:len(two)-4], 1, false, true},
		{"a length of zero", make([]byte, 16), 0, false, true},
		{"an unknown family", message(sockDiagByFamily, 7, append([]byte{99}, sock(280)[1:]...)), 0, false, true},
		{"another kind of message", message(99, 7, sock(280)), 0, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			socks := 0
			done, err := parseMessages(tt.data, 7, func(diagSock) error { socks++; return nil })
			if socks != tt.socks || done != tt.done || (err != nil) != tt.fails {
				t.Errorf("%d sockets, done %v, error %v", socks, done, err)
			}
		})
	}
}

func TestConnOfAnOldKernel(t *testing.T) {
	for size, want := range map[int]Conn{
		280: {ID: 42, Peer: netip.MustParseAddr("10.0.1.7"), Port: 8080, Established: true, Received: true, Sent: true, RecvAgo: 10, SentAgo: 500, SegsIn: 2, SegsOut: 1},
		104: {ID: 42, Peer: netip.MustParseAddr("10.0.1.7"), Port: 8080, Established: true},
	} {
		s, err := parseSock(sock(size))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.conn(); got != want {
			t.Errorf("tcp_info of %d bytes: %+v, want %+v", size, got, want)
		}
	}
}

func TestParsePassiveOpens(t *testing.T) {
	const real = "Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm ActiveOpens PassiveOpens AttemptFails\nTcp: 1 51330 51246 0\nUdp: InDatagrams\nUdp: 7\n"
	if got, err := parsePassiveOpens([]byte(real)); got != 51246 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	for _, bad := range []string{"", "Tcp: PassiveOpens\n", "Tcp: PassiveOpens\nTcp:\n", "Tcp: PassiveOpens\nTcp: -1\n", "Tcp: ActiveOpens\nTcp: 5\n"} {
		if got, err := parsePassiveOpens([]byte(bad)); err == nil {
			t.Errorf("%q: got %d", bad, got)
		}
	}
}

func TestParseRow(t *testing.T) {
	tests := []struct {
		line        string
		local, peer string
		port        uint16
		state       uint8
		expires     uint32
	}{
		{"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1", "127.0.0.1", "0.0.0.0", 8080, stateListen, timeWaitMillis},
		{"   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000500000A:9C40 01 0:0 00:0 0 0 0 1 1", "127.0.0.1", "10.0.0.5", 8080, stateEstablished, timeWaitMillis},
		{"   2: 00000000000000000000000001000000:1F90 000080FE000000000000000001000000:9C40 06 0:0", "::1", "fe80::1", 8080, stateTimeWait, timeWaitMillis},
		{"   3: 0100007F:1F90 0500000A:9C40 06 00000000:00000000 03:0000115C 00000000     0        0 0 3 1", "127.0.0.1", "10.0.0.5", 8080, stateTimeWait, 44_440},
		{"   4: 0100007F:1F90 0500000A:9C40 06 00000000:00000000 03:FFFFFFFF 00000000     0        0 0 3 1", "127.0.0.1", "10.0.0.5", 8080, stateTimeWait, timeWaitMillis},
		{"   5: 0100007F:1F90 0500000A:9C40 06 00000000:00000000 00:00000000 00000000     0        0 0 3 1", "127.0.0.1", "10.0.0.5", 8080, stateTimeWait, timeWaitMillis},
	}
	for _, tt := range tests {
		got, err := parseRow([]byte(tt.line))
		if err != nil || got.local.String() != tt.local || got.peer.String() != tt.peer || got.port != tt.port || got.state != tt.state || got.expires != tt.expires {
			t.Errorf("%s: got %+v, %v", tt.line, got, err)
		}
	}
	for _, bad := range []string{"", "0: 0100007F 00000000:0000 0A", "0: 0100007F:1F90 00000000:0000 XX", "0: 01:1F90 00000000:0000 0A", "0: 0100007F:1F90 0000000G:0000 0A", "0: 0100007F:FFFFF 00000000:0000 0A"} {
		if got, err := parseRow([]byte(bad)); err == nil {
			t.Errorf("%q: got %+v", bad, got)
		}
	}
}

func TestGateways(t *testing.T) {
	want := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fd00::1")}
	if got := gateways("testdata/proc"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := gateways(t.TempDir()); got != nil {
		t.Errorf("without the files: %v", got)
	}
}

func TestParseAge(t *testing.T) {
	const stat = "1 (a )b( c) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 100 200"
	if got, err := parseAge([]byte(stat), []byte("200.45 399.10\n")); got != 77*time.Second || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range [][2]string{{"", "1 1"}, {"1 (a) S", "1 1"}, {stat, ""}, {stat, "100.00 1"}} {
		if got, err := parseAge([]byte(bad[0]), []byte(bad[1])); err == nil {
			t.Errorf("%q: got %v", bad, got)
		}
	}
	if got, err := Age(); err != nil || got <= 0 {
		t.Errorf("this machine's: %v, %v", got, err)
	}
}

func FuzzParseMessages(f *testing.F) {
	f.Add(message(sockDiagByFamily, 7, sock(280)))
	f.Add(message(syscall.NLMSG_DONE, 7, make([]byte, 4)))
	f.Add(message(syscall.NLMSG_ERROR, 7, make([]byte, 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		socks := 0
		parseMessages(data, 7, func(s diagSock) error {
			socks++
			if c := s.conn(); !c.Peer.IsValid() {
				t.Errorf("no peer: %+v", c)
			}
			return nil
		})
		if socks > len(data)/diagMsgSize {
			t.Errorf("%d sockets in %d bytes", socks, len(data))
		}
	})
}

func FuzzProc(f *testing.F) {
	f.Add([]byte("Tcp: PassiveOpens\nTcp: 5\n"))
	f.Add([]byte("   0: 0100007F:1F90 00000000:0000 0A 0:0"))
	f.Add([]byte("eth0\t00000000\t010200C0\t0003"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsePassiveOpens(data)
		parseAge(data, data)
		parseRoutes(data, 1, 2, "00000000", parseWords)
		parseRoutes(data, 0, 4, "0", parseIPv6Text)
		if row, err := parseRow(data); err == nil && (!row.local.IsValid() || !row.peer.IsValid()) {
			t.Errorf("no address in %+v", row)
		}
	})
}
