package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

const (
	diagMsgSize = 72 // struct inet_diag_msg

	// Offsets into struct tcp_info; the kernel only ever appends to it.
	infoLastDataSent  = 44
	infoLastDataRecv  = 52
	infoLastAckRecv   = 56
	infoBytesReceived = 128
	infoDataSegsIn    = 152
	infoDataSegsOut   = 156
	infoNeeded        = 160 // since Linux 4.6
)

// diagSock is one socket as inet_diag describes it.
type diagSock struct {
	state          uint8
	local, peer    netip.Addr
	port, peerPort uint16
	cookie         uint64
	expires        uint32 // ms until the kernel forgets it, in TIME_WAIT
	unacked        uint32 // bytes not yet acknowledged
	info           []byte // struct tcp_info, as much as the kernel knows; may be empty
}

func (s diagSock) conn() Conn {
	c := Conn{
		ID:          s.cookie,
		Peer:        s.peer,
		Port:        s.port,
		Self:        s.local == s.peer,
		Established: s.state == stateEstablished,
		PeerClosed:  s.state == stateCloseWait,
		Unacked:     s.unacked > 0,
	}
	if len(s.info) >= infoNeeded {
		c.Received = binary.NativeEndian.Uint64(s.info[infoBytesReceived:]) > 0
		c.SegsIn = binary.NativeEndian.Uint32(s.info[infoDataSegsIn:])
		c.SegsOut = binary.NativeEndian.Uint32(s.info[infoDataSegsOut:])
		c.Sent = c.SegsOut > 0
		c.RecvAgo = binary.NativeEndian.Uint32(s.info[infoLastDataRecv:])
		c.SentAgo = binary.NativeEndian.Uint32(s.info[infoLastDataSent:])
		c.AckAgo = binary.NativeEndian.Uint32(s.info[infoLastAckRecv:])
	}
	return c
}

// parseMessages reads one datagram of netlink messages and calls see for each socket in
// those numbered seq. done means that the dump has ended.
func parseMessages(data []byte, seq uint32, see func(diagSock) error) (done bool, err error) {
	for len(data) >= netlinkHeaderSize {
		size := int(binary.NativeEndian.Uint32(data))
		if size < netlinkHeaderSize || size > len(data) {
			return false, fmt.Errorf("a message of %d bytes in %d", size, len(data))
		}
		kind := binary.NativeEndian.Uint16(data[4:])
		number := binary.NativeEndian.Uint32(data[8:])
		body := data[netlinkHeaderSize:size]
		data = data[min((size+3)&^3, len(data)):]
		if number != seq {
			continue
		}
		switch kind {
		case syscall.NLMSG_DONE:
			return true, doneError(body)
		case syscall.NLMSG_ERROR:
			if err := doneError(body); err != nil {
				return true, err
			}
			return true, errors.New("an error message without an error")
		case sockDiagByFamily:
			s, err := parseSock(body)
			if err != nil {
				return false, err
			}
			if err := see(s); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// doneError is the negative errno that DONE and ERROR messages begin with, if any.
func doneError(body []byte) error {
	if len(body) < 4 {
		return nil
	}
	if code := int32(binary.NativeEndian.Uint32(body)); code < 0 {
		return syscall.Errno(-code)
	}
	return nil
}

func parseSock(body []byte) (diagSock, error) {
	if len(body) < diagMsgSize {
		return diagSock{}, fmt.Errorf("a socket of %d bytes", len(body))
	}
	s := diagSock{
		state:    body[1],
		port:     binary.BigEndian.Uint16(body[4:]),
		peerPort: binary.BigEndian.Uint16(body[6:]),
		cookie:   uint64(binary.NativeEndian.Uint32(body[44:])) | uint64(binary.NativeEndian.Uint32(body[48:]))<<32,
		expires:  binary.NativeEndian.Uint32(body[52:]),
		unacked:  binary.NativeEndian.Uint32(body[60:]),
	}
	switch body[0] {
	case syscall.AF_INET:
		s.local = netip.AddrFrom4([4]byte(body[8:12]))
		s.peer = netip.AddrFrom4([4]byte(body[24:28]))
	case syscall.AF_INET6:
		s.local = netip.AddrFrom16([16]byte(body[8:24])).Unmap()
		s.peer = netip.AddrFrom16([16]byte(body[24:40])).Unmap()
	default:
		return diagSock{}, fmt.Errorf("a socket of family %d", body[0])
	}
	for attrs := body[diagMsgSize:]; len(attrs) >= 4; {
		size := int(binary.NativeEndian.Uint16(attrs))
		if size < 4 || size > len(attrs) {
			return diagSock{}, fmt.Errorf("an attribute of %d bytes in %d", size, len(attrs))
		}
		if binary.NativeEndian.Uint16(attrs[2:]) == attrInfo {
			s.info = attrs[4:size]
		}
		attrs = attrs[min((size+3)&^3, len(attrs)):]
	}
	return s, nil
}
