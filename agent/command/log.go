package command

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/lameduck-dev/lameduck/agent"
)

const (
	// maxLine is what a pipe takes in one piece (PIPE_BUF), so that the line is not mixed
	// with the application's.
	maxLine = 4096
	// containerLog is the standard output of the container's first process; a hook's own
	// output goes nowhere.
	containerLog = "/proc/1/fd/1"
	// writeTimeout is for a log whose reader has stopped reading.
	writeTimeout = 200 * time.Millisecond
)

// logLine is the summary as one line, for people or as JSON.
func logLine(summary agent.Summary, err error, asJSON bool) string {
	if asJSON {
		return jsonLine(summary)
	}
	text := summary.String()
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		text += ", ERROR: " + first
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return text[:min(len(text), maxLine-1)] + "\n"
}

// jsonLine leaves out the oldest evidence if it does not fit: that came from the hub, which has it.
func jsonLine(summary agent.Summary) string {
	line := summary.Timeline
	for {
		data, err := json.Marshal(line)
		if err != nil {
			return fmt.Sprintf("{\"error\":%q}\n", err)
		}
		if len(data) < maxLine || len(line.Evidence) == 0 {
			return string(data) + "\n"
		}
		line.Evidence = line.Evidence[1:]
	}
}

// say writes to the container's log or, where the agent may not write that, to stdout.
func say(stdout io.Writer, line string) {
	if os.Getpid() != 1 && sayTo(containerLog, line) == nil {
		return
	}
	fmt.Fprint(stdout, line)
}

func sayTo(path, line string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	// Best effort: anything but a pipe can't block for long, and takes no deadline.
	_ = file.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err = io.WriteString(file, line)
	return err
}
