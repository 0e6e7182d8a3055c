package printable

import (
	"strings"
	"unicode"
)

// CommandLine is the number, counted from 1, of the first line that the runner of a CI system would take
// for a command; 0 if there is none. GitHub's takes "::" behind white space, and "##[" anywhere; Azure's
// "##vso[" and TeamCity's "##teamcity[" anywhere. Characters that can't be seen may not count in their
// comparison, so they don't here.
func CommandLine(text string) int {
	if !strings.Contains(text, "::") && !strings.Contains(text, "[") {
		return 0
	}
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		for part := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' }) {
			if isCommand(part) {
				return number
			}
		}
	}
	return 0
}

func isCommand(line string) bool {
	seen := strings.Map(func(r rune) rune {
		if !shown(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, line)
	if strings.HasPrefix(strings.TrimSpace(seen), "::") {
		return true
	}
	for rest := seen; ; {
		i := strings.IndexByte(rest, '#')
		if i < 0 {
			return false
		}
		if rest = rest[i:]; logCommand(rest) {
			return true
		}
		rest = rest[1:]
	}
}
