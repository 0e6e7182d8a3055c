package zookeeper

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ZooKeeper's messages are numbers in network order, and texts and lists with their length before
// them. An error is remembered, so that a message is read as a whole and checked once.

type encoder struct{ out []byte }

func (e *encoder) number(n int32)   { e.out = binary.BigEndian.AppendUint32(e.out, uint32(n)) }
func (e *encoder) long(n int64)     { e.out = binary.BigEndian.AppendUint64(e.out, uint64(n)) }
func (e *encoder) text(text string) { e.number(int32(len(text))); e.out = append(e.out, text...) } //nolint:gosec // paths and credentials are short
func (e *encoder) truth(truth bool) { e.out = append(e.out, map[bool]byte{true: 1}[truth]) }

// errCut says that a message is shorter than it says.
var errCut = errors.New("the answer is cut, or not ZooKeeper's")

type decoder struct {
	in  []byte
	err error
}

// takeBytes gives the next bytes; none if there are not that many.
func (d *decoder) takeBytes(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.in) {
		d.err = errCut
		return nil
	}
	taken := d.in[:n]
	d.in = d.in[n:]
	return taken
}

func (d *decoder) number() int32 {
	if taken := d.takeBytes(4); taken != nil {
		return int32(binary.BigEndian.Uint32(taken)) //nolint:gosec // the sign is part of it
	}
	return 0
}

func (d *decoder) long() int64 {
	if taken := d.takeBytes(8); taken != nil {
		return int64(binary.BigEndian.Uint64(taken)) //nolint:gosec // the sign is part of it
	}
	return 0
}

// text reads one whose length is -1 where there is none.
func (d *decoder) text() string {
	n := d.number()
	if n == -1 {
		return ""
	}
	return string(d.takeBytes(int(n)))
}

// texts reads a list of up to most, each of which takes four bytes at least.
func (d *decoder) texts(most int) []string {
	n := int(d.number())
	switch {
	case n > len(d.in)/4:
		d.err = errCut
	case n > most:
		d.err = fmt.Errorf("there are %d, at most %d are read", n, most)
	}
	var all []string
	for len(all) < n && d.err == nil {
		all = append(all, d.text())
	}
	return all
}

// stat is the part that is read of what ZooKeeper knows about a node.
type stat struct {
	version int32
	owner   int64 // the session that it ends with; zero if it stays
}

func (d *decoder) stat() stat {
	d.takeBytes(4 * 8) // czxid, mzxid, ctime, mtime
	s := stat{version: d.number()}
	d.takeBytes(2 * 4) // cversion, aversion
	s.owner = d.long()
	d.takeBytes(2*4 + 8) // dataLength, numChildren, pzxid
	return s
}
