package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// From linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
const (
	netlinkSockDiag    = 4
	sockDiagByFamily   = 20
	groupTCPDestroy    = 1 // SKNLGRP_INET_TCP_DESTROY
	groupTCP6Destroy   = 3 // SKNLGRP_INET6_TCP_DESTROY
	attrReqBytecode    = 1
	attrInfo           = 2
	extInfo            = 1 << (attrInfo - 1)
	stateEstablished   = 1
	stateTimeWait      = 6
	stateCloseWait     = 8
	stateListen        = 10
	requestSize        = 56 // struct inet_diag_req_v2
	netlinkHeaderSize  = 16
	recvBuffer         = 64 << 10 // the kernel fills at most 32 KiB of a dump at a time
	destroyQueue       = 1 << 20  // bytes asked for; the kernel grants what it allows
	answerTimeout      = time.Second
	maxDestroyMessages = 100_000
)

// states is a set of TCP states, one bit each.
type states uint32

const (
	listen   states = 1 << stateListen
	timeWait        = 1 << stateTimeWait
	// open leaves out handshakes, which are no connections yet, and TIME_WAIT and CLOSE,
	// which are none any more.
	open states = 1<<stateEstablished | 1<<4 /* FIN_WAIT1 */ | 1<<5 /* FIN_WAIT2 */ |
		1<<stateCloseWait | 1<<9 /* LAST_ACK */ | 1<<11 /* CLOSING */
)

// families are asked one after the other; IPv4 clients of a [::] listener show in the second.
var families = [...]uint8{syscall.AF_INET, syscall.AF_INET6}

// diag is the pair of netlink sockets: one to ask, one to be told of connections that end.
type diag struct {
	ask, told int
	seq       uint32
	buf       []byte
}

func openDiag() (*diag, error) {
	ask, err := netlinkSocket(0)
	if err != nil {
		return nil, fmt.Errorf("opening netlink: %w", err)
	}
	told, err := netlinkSocket(1<<(groupTCPDestroy-1) | 1<<(groupTCP6Destroy-1))
	if err != nil {
		closeSocket(ask)
		return nil, fmt.Errorf("subscribing to ended connections: %w", err)
	}
	// Best effort: with a smaller queue more of what ended is told only by its count.
	_ = syscall.SetsockoptInt(told, syscall.SOL_SOCKET, syscall.SO_RCVBUF, destroyQueue)
	d := &diag{ask: ask, told: told, buf: make([]byte, recvBuffer)}
	for _, family := range families {
		if err := d.dump(request(family, listen, nil), func(diagSock) error { return nil }); err != nil {
			d.close()
			return nil, fmt.Errorf("asking inet_diag: %w", err)
		}
	}
	return d, nil
}

func netlinkSocket(groups uint32) (int, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		return -1, err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: groups}); err != nil {
		closeSocket(fd)
		return -1, err
	}
	timeout := syscall.NsecToTimeval(int64(answerTimeout))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout); err != nil {
		closeSocket(fd)
		return -1, err
	}
	return fd, nil
}

func (d *diag) close() {
	closeSocket(d.ask)
	closeSocket(d.told)
}

// closeSocket ignores the error: closing a netlink socket has nothing left to fail at.
func closeSocket(fd int) { _ = syscall.Close(fd) }

// reset opens a fresh socket to ask with: one whose dump was given up refuses the next.
func (d *diag) reset() error {
	ask, err := netlinkSocket(0)
	if err != nil {
		return fmt.Errorf("opening netlink again: %w", err)
	}
	closeSocket(d.ask)
	d.ask = ask
	return nil
}

// request is a dump request for one family's TCP sockets in the given states.
func request(family uint8, in states, filter []byte) []byte {
	msg := make([]byte, netlinkHeaderSize+requestSize, netlinkHeaderSize+requestSize+4+len(filter))
	body := msg[netlinkHeaderSize:]
	body[0] = family
	body[1] = syscall.IPPROTO_TCP
	body[2] = extInfo
	binary.NativeEndian.PutUint32(body[4:], uint32(in))
	if len(filter) > 0 {
		msg = binary.NativeEndian.AppendUint16(msg, uint16(4+len(filter)))
		msg = binary.NativeEndian.AppendUint16(msg, attrReqBytecode)
		msg = append(msg, filter...)
	}
	binary.NativeEndian.PutUint32(msg, uint32(len(msg)))
	binary.NativeEndian.PutUint16(msg[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(msg[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_DUMP)
	return msg
}

// dump sends msg and calls see for each socket of the answer.
func (d *diag) dump(msg []byte, see func(diagSock) error) error {
	d.seq++
	binary.NativeEndian.PutUint32(msg[8:], d.seq)
	if err := syscall.Sendto(d.ask, msg, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	for deadline := time.Now().Add(2 * answerTimeout); time.Now().Before(deadline); {
		data, err := d.receive(d.ask, 0)
		if err != nil {
			return err
		}
		done, err := parseMessages(data, d.seq, see)
		if done || err != nil {
			return err
		}
	}
	return errors.New("the answer did not end in time")
}

// destroyed calls see for each socket whose end the kernel has reported since the last call.
func (d *diag) destroyed(see func(diagSock)) error {
	for range maxDestroyMessages {
		data, err := d.receive(d.told, syscall.MSG_DONTWAIT)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case errors.Is(err, syscall.ENOBUFS):
			continue // some were dropped: the count of opens still tells of them
		case err != nil:
			return err
		}
		if _, err := parseMessages(data, 0, func(s diagSock) error { see(s); return nil }); err != nil {
			return err
		}
	}
	return nil
}

func (d *diag) receive(fd, flags int) ([]byte, error) {
	for {
		n, _, got, from, err := syscall.Recvmsg(fd, d.buf, nil, flags)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return nil, fmt.Errorf("receiving: %w", err)
		case got&syscall.MSG_TRUNC != 0:
			return nil, errors.New("receiving: a message was cut")
		}
		// Any process of the pod can send to this socket; only the kernel is port 0.
		if sender, ok := from.(*syscall.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue
		}
		return d.buf[:n], nil
	}
}
