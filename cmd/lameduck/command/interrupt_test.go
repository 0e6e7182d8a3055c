package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// forever is a template that no machine renders to its end.
const forever = "{{ range until 100000 }}{{ range until 100000 }}{{ sha256sum \"x\" | trunc 0 }}{{ end }}{{ end }}\n"

// TestInterrupt: SIGINT and SIGTERM end every command at once, whatever it waits for.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	program := programIn(t, dir)
	fifo, chart := filepath.Join(dir, "fifo.yaml"), filepath.Join(dir, "chart")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(chart, "Chart.yaml"), "apiVersion: v2\nname: endless\nversion: 0.1.0\n")
	write(t, filepath.Join(chart, "templates", "a.yaml"), forever)
	for _, args := range []string{
		"check -", "fix -", "fix --write -", "inject -f -", "timeline -",
		"check " + fifo, "fix " + fifo, "inject -f " + fifo, "timeline " + fifo, "check --values " + fifo + " " + chart,
		"check --config " + fifo + " " + chart, "check --baseline " + fifo + " " + chart, "check --image-facts " + fifo + " " + chart,
		"check " + chart, "fix --write " + chart,
	} {
		for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
			t.Run(strings.ReplaceAll(args, dir, "")+", "+sig.String(), func(t *testing.T) {
				if !strings.HasSuffix(args, "-") && !strings.Contains(args, fifo) {
					t.Parallel()
				}
				cmd := exec.Command(program, strings.Fields(args)...)
				cmd.Env = append(os.Environ(), asProgram+"=1")
				stdin, log := startOpen(t, cmd)
				kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
				defer kill.Stop()
				switch {
				case strings.HasSuffix(args, "-"):
					fill(t, stdin)
				case strings.Contains(args, fifo):
					feed, err := os.OpenFile(fifo, os.O_WRONLY, 0)
					if err != nil {
						t.Fatal(err)
					}
					defer feed.Close()
					fill(t, feed)
				default:
					if _, err := log.ReadString('\n'); err != nil { // it tells what it is at
						t.Fatal(err)
					}
				}
				sent := time.Now()
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(log)
				_ = cmd.Wait() // its exit code tells
				if code, took := cmd.ProcessState.ExitCode(), time.Since(sent); code != want || took > 5*time.Second {
					t.Errorf("exit code %d after %s, want %d\n%s", code, took, want, text)
				}
			})
		}
	}
}

// TestInterruptWhileParsing: a huge input that has been read is not parsed to its end first.
func TestInterruptWhileParsing(t *testing.T) {
	program := programIn(t, t.TempDir())
	var huge strings.Builder
	huge.WriteString("anchor: &a 1\n") // only the full parser reads it
	for i := range 200_000 {
		fmt.Fprintf(&huge, "k%d: {b: [1, 2], c: d}\n", i)
	}
	for _, args := range []string{"check -", "fix -", "inject -f -"} {
		cmd := exec.Command(program, strings.Fields(args)...)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(stdin, huge.String()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(stdin.Close(), cmd.Process.Signal(syscall.SIGINT)); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // its exit code tells
		if code := cmd.ProcessState.ExitCode(); code != 130 {
			t.Errorf("%s: exit code %d, want 130", args, code)
		}
	}
}

// fill writes more than a pipe holds: once it is written, the program reads.
func fill(t *testing.T, to io.Writer) {
	t.Helper()
	if _, err := io.WriteString(to, strings.Repeat("# nothing\n", 20_000)); err != nil {
		t.Fatal(err)
	}
}

// write makes a file, and the folders on its way.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
