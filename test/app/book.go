package main

import (
	"io"
	"sync"
	"time"

	"github.com/lameduck-dev/lameduck/verify/ledger"
)

// idsKept bounds what GET /ledger remembers; the lines on standard output have no bound.
const idsKept = 100_000

// book is the ledger. Each line is written at once and in one write, so that not even SIGKILL loses
// a line of what happened before it.
type book struct {
	mu     sync.Mutex
	out    io.Writer
	seq    int64
	line   []byte
	counts map[string]*count
	sum    summary
}

type count struct{ received, applied int }

// summary is the answer to GET /ledger.
type summary struct {
	Received     int        `json:"received"`
	Applied      int        `json:"applied"`
	AppliedTwice int        `json:"appliedTwice"`
	Sigterm      *time.Time `json:"sigterm,omitempty"`
}

func newBook(out io.Writer) *book {
	return &book{out: out, counts: map[string]*count{}}
}

func (b *book) start() { b.write(ledger.Start, ledger.None) }
func (b *book) exit()  { b.write(ledger.Exit, ledger.None) }

func (b *book) sigterm() {
	at := b.write(ledger.Sigterm, ledger.None)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sum.Sigterm == nil {
		b.sum.Sigterm = &at
	}
}

func (b *book) received(id string) {
	b.write(ledger.Received, id)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum.Received++
	if c := b.of(id); c != nil {
		c.received++
	}
}

func (b *book) applied(id string) {
	b.write(ledger.Applied, id)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum.Applied++
	if c := b.of(id); c != nil {
		c.applied++
		if c.applied == 2 {
			b.sum.AppliedTwice++
		}
	}
}

// of is the count of an id, or nil when there are too many ids.
func (b *book) of(id string) *count {
	c := b.counts[id]
	if c == nil && len(b.counts) < idsKept {
		c = &count{}
		b.counts[id] = c
	}
	return c
}

func (b *book) summary() summary {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sum
}

func (b *book) write(event ledger.Event, id string) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	at := time.Now()
	b.line = ledger.Append(b.line[:0], ledger.Entry{Seq: b.seq, Event: event, ID: id, Time: at})
	// A ledger that can't be written shows as missing lines; serving goes on.
	_, _ = b.out.Write(b.line)
	return at
}
