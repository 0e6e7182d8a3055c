package command

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var testBuild = Build{Version: "dev", Images: LocalImages}

// asProgram makes the test's own binary be lameduck: what calls the program by
// its name can then be run without building it.
const asProgram = "LAMEDUCK_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main(os.Args[1:], testBuild, os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// programIn puts a lameduck into a folder.
func programIn(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "lameduck")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// outcome runs a command as long as it takes, and gives its exit code and what
// it wrote.
func outcome(t *testing.T, cmd *exec.Cmd) (code int, text string) {
	t.Helper()
	cmd.Env = append(cmd.Environ(), asProgram+"=1")
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return 0, string(out)
}

// startOpen starts a program whose standard input stays open.
func startOpen(t *testing.T, cmd *exec.Cmd) (stdin io.WriteCloser, stderr *bufio.Reader) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close() })
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return stdin, bufio.NewReader(out)
}
