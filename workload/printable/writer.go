package printable

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Paints are the colours that a Writer lets through: the program's own.
var Paints = []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[33;1m", "\x1b[31;1m"}

// Writer guards a terminal or a log and lets through only what Line would show, line feeds, tabs
// and Paints: a text that somebody forgot to pass through Line does no harm. A line that GitHub's
// runner would take for a command ("::error::...") gets a dot in front. It may be used by several
// goroutines.
type Writer struct {
	to io.Writer

	mu      sync.Mutex
	rest    []byte // the beginning of a character or colour whose end is not written yet
	out     bytes.Buffer
	midLine bool // something other than white space stands on the line
	hashes  int  // "#" in a row, and letters behind them: a "[" would make a command
}

// NewWriter is a Writer that guards w.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Unwrap is what the Writer guards.
func (w *Writer) Unwrap() io.Writer { return w.to }

// Write writes all of p except an incomplete character, which waits for the next call.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := p
	if len(w.rest) > 0 {
		text = slices.Concat(w.rest, p)
	}
	w.out.Reset()
	for len(text) > 0 {
		n := w.next(&w.out, text)
		if n == 0 {
			break
		}
		text = text[n:]
	}
	w.rest = append(w.rest[:0:0], text...)
	if _, err := w.to.Write(w.out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// next writes what the text begins with, and gives its length; 0 if it is not complete.
func (w *Writer) next(out *bytes.Buffer, text []byte) int {
	r, size := utf8.DecodeRune(text)
	switch {
	case r == '\x1b':
		paint, partial := paintAt(text)
		if partial {
			return 0
		}
		if paint != "" {
			out.WriteString(paint)
			return len(paint)
		}
		r = mark
	case r == utf8.RuneError && size == 1:
		if !utf8.FullRune(text) {
			return 0
		}
		r = mark
	case r == '\n':
		w.midLine, w.hashes = false, 0
		out.WriteByte('\n')
		return size
	case r == '\t':
	case r == '#' && logCommand(string(text[:min(len(text), 32)])), r == '[' && w.hashes > 1, !shown(r):
		r = mark
	case r == ':' && !w.midLine:
		if len(text) == 1 {
			return 0
		}
		if text[1] == ':' {
			out.WriteRune(mark)
		}
	}
	switch {
	case r == '#':
		w.hashes++
	case w.hashes < 2 || r > unicode.MaxASCII || !unicode.IsLetter(r):
		w.hashes = 0
	}
	if !unicode.IsSpace(r) {
		w.midLine = true
	}
	out.WriteRune(r)
	return size
}

// paintAt is the colour that a text begins with; partial if it may become one.
func paintAt(text []byte) (paint string, partial bool) {
	for _, p := range Paints {
		if bytes.HasPrefix(text, []byte(p)) {
			return p, false
		}
		partial = partial || len(text) < len(p) && strings.HasPrefix(p, string(text))
	}
	return "", partial
}
