package printable

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON is the output of a JSON encoder: it writes what Line would not show as \uXXXX, so that the
// text is safe to look at and means the same. Each call of Write has to hold whole characters, as
// encoding/json writes them.
type JSON struct{ To io.Writer }

// Write writes one piece of an encoder's output.
func (j JSON) Write(p []byte) (int, error) {
	text := string(p)
	var b strings.Builder
	b.Grow(len(text))
	for i, r := range text {
		switch {
		case r == '\n' || r == utf8.RuneError || shown(r) && (r != '#' || !logCommand(text[i:])):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	if _, err := io.WriteString(j.To, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
