package sockets

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/netip"
	"os"
	"strconv"
)

// maxProcFile bounds the small files that are read whole, in bytes.
const maxProcFile = 64 << 10

func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxProcFile))
}

// passiveOpens reads how many connections the network namespace has accepted.
func passiveOpens(proc string) (uint64, error) {
	path := proc + "/net/snmp"
	data, err := readSmall(path)
	if err != nil {
		return 0, err
	}
	opens, err := parsePassiveOpens(data)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return opens, nil
}

// parsePassiveOpens finds the value below its name: a line of names, then one of values.
func parsePassiveOpens(data []byte) (uint64, error) {
	var names [][]byte
	for line := range bytes.Lines(data) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || string(fields[0]) != "Tcp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if string(name) == "PassiveOpens" && i < len(fields) {
				return strconv.ParseUint(string(fields[i]), 10, 64)
			}
		}
		break
	}
	return 0, errors.New("no Tcp PassiveOpens")
}

// tableRow is one line of /proc/net/tcp or tcp6.
type tableRow struct {
	id          uint64
	local, peer netip.Addr
	port        uint16
	state       uint8
	expires     uint32 // ms until the kernel forgets it, in TIME_WAIT
}

func (r tableRow) conn() Conn {
	return Conn{
		ID:          r.id,
		Peer:        r.peer,
		Port:        r.port,
		Self:        r.local == r.peer,
		Established: r.state == stateEstablished,
	}
}

// seed is one for the process: an id must mean the same in every look.
var seed = maphash.MakeSeed()

// readTable calls see for each row. TIME_WAIT rows are among them: without the kernel's
// word on what ended they show who came and went between two looks.
func readTable(path string, see func(tableRow) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan() // the headings
	for lines.Scan() {
		row, err := parseRow(lines.Bytes())
		if err == nil {
			err = see(row)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// parseRow reads "sl: local:port remote:port state queues timer:ticks ...", all in hexadecimal.
func parseRow(line []byte) (tableRow, error) {
	var fields [6][]byte
	count := 0
	for field := range bytes.FieldsSeq(line) {
		if fields[count], count = field, count+1; count == len(fields) {
			break
		}
	}
	if count < 4 {
		return tableRow{}, fmt.Errorf("%d fields in %q", count, line)
	}
	local, port, err := parseEnd(fields[1])
	if err != nil {
		return tableRow{}, err
	}
	peer, _, err := parseEnd(fields[2])
	if err != nil {
		return tableRow{}, err
	}
	state, err := strconv.ParseUint(string(fields[3]), 16, 8)
	if err != nil {
		return tableRow{}, fmt.Errorf("state: %w", err)
	}
	var id maphash.Hash
	id.SetSeed(seed)
	id.Write(fields[1])
	id.Write(fields[2])
	row := tableRow{id: id.Sum64(), local: local, peer: peer, port: port, state: uint8(state), expires: timeWaitMillis}
	if _, ticks, found := bytes.Cut(fields[5], []byte{':'}); found && row.state == stateTimeWait {
		if left, err := strconv.ParseUint(string(ticks), 16, 32); err == nil && left > 0 { // gVisor tells nothing: then it has just ended
			row.expires = uint32(min(left, timeWaitMillis/(1000/userHZ)) * (1000 / userHZ))
		}
	}
	return row, nil
}

// parseEnd reads an address, printed as 32-bit words of the machine's own byte order, and a port.
func parseEnd(text []byte) (netip.Addr, uint16, error) {
	addrText, portText, found := bytes.Cut(text, []byte{':'})
	port, err := strconv.ParseUint(string(portText), 16, 16)
	if !found || err != nil {
		return netip.Addr{}, 0, fmt.Errorf("not an address and port: %q", text)
	}
	addr, err := parseWords(addrText)
	return addr, uint16(port), err
}

func parseWords(text []byte) (netip.Addr, error) {
	var space [16]byte
	if len(text) != 8 && len(text) != 32 {
		return netip.Addr{}, fmt.Errorf("not an address: %q", text)
	}
	raw := space[:len(text)/2]
	if _, err := hex.Decode(raw, text); err != nil {
		return netip.Addr{}, fmt.Errorf("not an address: %q", text)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	addr, _ := netip.AddrFromSlice(raw)
	return addr.Unmap(), nil
}
