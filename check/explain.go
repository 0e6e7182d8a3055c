package check

import (
	"fmt"
	"strings"
)

// width is the column at which printed texts wrap.
const width = 92

// Explain is a rule's page for a terminal.
func (r *Rule) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s, %s, %s)\n%s\n", r.Name, r.Family, r.Severity, r.Confidence, r.Title)
	for _, part := range []struct{ head, text string }{
		{"Why", r.Why}, {"What to do", r.Remedy}, {"Source", r.Source},
		{"To suppress it", "annotate the object or its pod template with " + IgnorePrefix + r.Name + ": \"the reason\""},
	} {
		fmt.Fprintf(&b, "\n%s\n", part.head)
		for _, line := range wrap(part.text, width-2) {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	return b.String()
}

// wrap breaks a text into lines of at most the given number of characters,
// where words allow.
func wrap(text string, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > most {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
