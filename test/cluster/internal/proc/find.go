package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Marked lists the processes that carry the marker of the instance in dir, except the caller.
func Marked(dir string) []int {
	marker := []byte("\x00" + MarkerVariable + "=" + dir + "\x00")
	var found []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err == nil && bytes.Contains(append([]byte{0}, environ...), marker) {
			found = append(found, pid)
		}
	}
	return found
}

// Describe names a process for a person: its id and command line.
func Describe(pid int) string {
	cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	line := string(bytes.TrimSpace(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
	if len(line) > 80 {
		line = line[:80] + "..."
	}
	return fmt.Sprintf("process %d (%s)", pid, line)
}

func isRunning(pid int, started uint64) bool {
	state, since, err := stat(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && since == started && state != 'Z' && state != 'X'
}

func startTime(pid int) (uint64, error) {
	_, started, err := stat(fmt.Sprintf("/proc/%d/stat", pid))
	return started, err
}

func allThreadsIn(pid int, state byte) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, thread := range threads {
		if now, _, err := stat(thread); err == nil && now != state {
			return false
		}
	}
	return len(threads) > 0
}

func waitEnd(ctx context.Context, pid int, started uint64) bool {
	for isRunning(pid, started) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true
}

func stat(path string) (state byte, started uint64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	return parseStat(data)
}

// parseStat reads the state and the start time out of a line of /proc/PID/stat. The second field, the command's
// name, may itself hold blanks and parentheses, so fields are counted from the last closing parenthesis.
func parseStat(data []byte) (state byte, started uint64, err error) {
	const afterName, startTimeField = 3, 22
	end := bytes.LastIndexByte(data, ')')
	fields := bytes.Fields(data[end+1:])
	if end < 0 || len(fields) <= startTimeField-afterName {
		return 0, 0, fmt.Errorf("unexpected process status %.40q", data)
	}
	started, err = strconv.ParseUint(string(fields[startTimeField-afterName]), 10, 64)
	return fields[0][0], started, err
}
