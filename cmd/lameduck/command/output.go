package command

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// guard lets through to stdout and stderr only what does no harm on a terminal, whatever a command
// writes.
func guard(root *cobra.Command, stdout, stderr io.Writer) {
	root.SetOut(printable.NewWriter(stdout))
	root.SetErr(printable.NewWriter(stderr))
}

// raw is the writer behind a guard.
func raw(w io.Writer) io.Writer {
	if guard, ok := w.(*printable.Writer); ok {
		return guard.Unwrap()
	}
	return w
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := raw(w).(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// colourful reports whether colour makes sense; NO_COLOR switches it off (https://no-color.org).
func colourful(w io.Writer) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }

// printError prints an error, each of several on a line of its own.
func printError(w io.Writer, err error) {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) && errors.Join(several.Unwrap()...).Error() == err.Error() {
		for _, each := range several.Unwrap() {
			printError(w, each)
		}
		return
	}
	if err.Error() == "" {
		return
	}
	start := "lameduck: "
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if strings.TrimSpace(line) == "" && start != "lameduck: " {
			continue
		}
		if text := strings.TrimLeft(line, "\t"); text != line {
			line = "  " + text // as cobra indents its suggestions
		}
		printable.Fprintf(w, "%s%s\n", start, line)
		start = "  " // a further line can't pass for one of ours
	}
}
