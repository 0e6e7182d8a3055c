package status

import (
	"io"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// indent is where the texts begin.
const indent = "                      "

// Write prints the report for people: a line for each check, and what it names below it.
func (r Report) Write(w io.Writer) error {
	if r.Namespace != "" {
		if _, err := printable.Fprintf(w, "lameduck in namespace %s\n\n", r.Namespace); err != nil {
			return err
		}
	}
	for _, result := range r.Results {
		if _, err := printable.Fprintf(w, "%-8s %-12s %s\n", string(result.Level), result.Check, result.Text); err != nil {
			return err
		}
		for _, name := range result.Named {
			if _, err := printable.Fprintf(w, "%s- %s\n", indent, name); err != nil {
				return err
			}
		}
		if result.Remedy != "" {
			if _, err := printable.Fprintf(w, "%s-> %s\n", indent, result.Remedy); err != nil {
				return err
			}
		}
	}
	return nil
}
