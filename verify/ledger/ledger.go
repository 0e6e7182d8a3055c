// Package ledger reads and writes the test application's ledger: a few lines for every request on
// its standard output, which outlive the pod with whoever follows its log.
//
// A line is "ledger SEQ EVENT ID MICROSECONDS": SEQ counts from 1 without gaps, so that a reader
// knows when it missed a line; the time is Unix time.
package ledger

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Event is what a line says.
type Event string

// The events.
const (
	Start    Event = "start"    // the application listens
	Received Event = "received" // a request arrived
	Applied  Event = "applied"  // its work is done; the answer follows
	Sigterm  Event = "sigterm"  // the application got SIGTERM
	Exit     Event = "exit"     // the last line of an application that ends by itself
)

// None is the id of an event that has no request.
const None = "-"

// IDMax bounds an id's length in bytes.
const IDMax = 128

// Entry is one line.
type Entry struct {
	Seq   int64
	Event Event
	ID    string
	Time  time.Time
}

// Append appends e's line, with its newline, to b.
func Append(b []byte, e Entry) []byte {
	b = append(b, "ledger "...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = append(b, ' ')
	b = append(b, e.Event...)
	b = append(b, ' ')
	b = append(b, e.ID...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, e.Time.UnixMicro(), 10)
	return append(b, '\n')
}

// Parse reads one line, with or without its newline. Anything but a ledger's line is not ok.
func Parse(line []byte) (e Entry, ok bool) {
	rest, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte("ledger "))
	if !ok || len(rest) > IDMax+64 {
		return Entry{}, false
	}
	fields := strings.Split(string(rest), " ")
	if len(fields) != 4 {
		return Entry{}, false
	}
	seq, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || seq < 1 {
		return Entry{}, false
	}
	micros, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil || micros < 0 {
		return Entry{}, false
	}
	e = Entry{Seq: seq, Event: Event(fields[1]), ID: fields[2], Time: time.UnixMicro(micros).UTC()}
	switch e.Event {
	case Start, Received, Applied, Sigterm, Exit:
	default:
		return Entry{}, false
	}
	if !ValidID(e.ID) {
		return Entry{}, false
	}
	return e, true
}

// ValidID reports whether id can stand in a line: 1 to IDMax printable ASCII bytes, no space.
func ValidID(id string) bool {
	if id == "" || len(id) > IDMax {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}
