package command_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lameduck-dev/lameduck/registry/command"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/wire"
)

var update = flag.Bool("update", false, "write what the commands print to testdata")

// world is what an application does to the registry; it is empty when a tape is played.
type world struct {
	start, kill func() error
}

const tape = "nacos-2.2.4"

func TestContract(t *testing.T) { holds(t, contract.Recorded(t, tape, 1), world{}) }

// holds goes through an instance's life, and compares what the commands print with the golden file.
func holds(t *testing.T, s *contract.Stage, w world) {
	log := &transcript{t: t, server: s.Servers[0]}
	spec := []string{"--ip=127.0.0.1", "--port=7001", "nacos", "timeout=15s", "service=orders", "server=" + s.Servers[0]}
	shows := func(want string) {
		t.Helper()
		s.Eventually(15*time.Second, func() error {
			if _, stdout, _ := run(t, append([]string{"show"}, spec...)...); !strings.Contains(stdout, want) {
				return fmt.Errorf("show does not print %q: %s", want, stdout)
			}
			return nil
		})
		log.run("show", spec...)
	}

	s.Act("nobody has registered", nil)
	shows("leave would fail")
	s.Act("the pod has registered", w.start)
	shows("leave would take out")
	s.Act("it leaves", nil)
	record := log.leave(append([]string{"leave"}, spec...)...)
	s.Act("it is out", nil)
	shows("is out already")
	s.Act("it was killed", w.kill)
	shows("leave would do nothing")
	log.run("restore", append([]string{"--budget=100ms"}, spec...)...)
	log.run("restore", record)
	log.compare("testdata/" + tape + ".txt")
}

// run runs the program once; leave ends at once, at the end of its input.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = command.Main(t.Context(), args, "v1", strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// transcript is the commands that were run and what they printed.
type transcript struct {
	t      *testing.T
	server string
	text   bytes.Buffer
}

func (l *transcript) run(command string, args ...string) {
	code, stdout, stderr := run(l.t, append([]string{command}, args...)...)
	fmt.Fprintf(&l.text, "$ lameduck-registry %s %s\n%s%s(%d)\n\n", command, strings.Join(args, " "), stdout, stderr, code)
}

// leave runs leave until the registry is settled, and returns the record.
func (l *transcript) leave(args ...string) string {
	l.t.Helper()
	fmt.Fprintf(&l.text, "$ lameduck-registry %s\n", strings.Join(args, " "))
	stdin, agent := io.Pipe()
	events := &listener{agent: agent}
	code := command.Main(l.t.Context(), args, "v1", stdin, io.MultiWriter(&l.text, events), &l.text)
	fmt.Fprintf(&l.text, "(%d)\n\n", code)
	return events.record
}

// listener closes the program's input once its registry is settled, as an ending agent does.
type listener struct {
	agent  io.Closer
	record string
}

func (l *listener) Write(line []byte) (int, error) {
	e, err := wire.Decode(bytes.TrimSpace(line))
	if e.Event == wire.Record {
		l.record = e.Spec
	}
	if err != nil || e.Settled() {
		l.agent.Close()
	}
	return len(line), err
}

// facts match what differs from one run to the next.
var facts = regexp.MustCompile(`("time":")[^"]*|(after )[0-9.]+m?s`)

func (l *transcript) compare(file string) {
	l.t.Helper()
	got := facts.ReplaceAllString(strings.ReplaceAll(l.text.String(), l.server, "nacos:8848"), "$1$2…")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			l.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		l.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		l.t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
