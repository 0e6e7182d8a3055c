// Package printable is the only way for text that others wrote (manifests, pod logs, Events, file
// names) to a terminal, a CI log or a report.
package printable

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxRunes is how much of one text Line shows.
const MaxRunes = 4000

// mark stands for a character that is not shown.
const mark = '·'

// Line makes one line of any text. What can't be seen (control and format characters, line ends,
// bidirectional controls, bytes that are not UTF-8) becomes a dot, one for each character, and so
// does what starts a command in the log of a CI system. A text of more than MaxRunes characters is
// cut, and says so.
func Line(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	count := 0
	for i, r := range s {
		if count == MaxRunes {
			fmt.Fprintf(&b, "… (%d more bytes)", len(s)-i)
			break
		}
		count++
		if r == '#' && logCommand(s[i:]) || !shown(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			r = mark
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Lines applies Line to each of several texts.
func Lines(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = Line(s)
	}
	return out
}

// plain reports whether a text is shown as it is. Nearly all are.
func plain(s string) bool {
	if len(s) > MaxRunes {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return true
}

// shown reports whether a character can be seen, or is a space.
func shown(r rune) bool { return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) }

// logCommand reports whether a text begins with "##[", "##vso[" or the like, which Azure
// Pipelines, TeamCity and older GitHub runners obey anywhere in a line.
func logCommand(s string) bool {
	rest, ok := strings.CutPrefix(s, "##")
	return ok && strings.HasPrefix(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), "[")
}

// Fprintf writes as fmt.Fprintf does, with each text among the arguments made one line.
func Fprintf(w io.Writer, format string, args ...any) (int, error) {
	return io.WriteString(w, Sprintf(format, args...))
}

// Sprintf formats as fmt.Sprintf does, with each text among the arguments made one line: a string
// of any type, an error, and anything with a String method that is not a number.
func Sprintf(format string, args ...any) string {
	safe := make([]any, len(args))
	for i, arg := range args {
		safe[i] = arg
		kind := reflect.ValueOf(arg).Kind()
		if err, ok := arg.(error); ok {
			safe[i] = Line(err.Error())
		} else if text, ok := arg.(fmt.Stringer); ok && (kind < reflect.Int || kind > reflect.Float64) {
			safe[i] = Line(text.String())
		} else if kind == reflect.String {
			safe[i] = Line(reflect.ValueOf(arg).String())
		}
	}
	return fmt.Sprintf(format, safe...)
}
