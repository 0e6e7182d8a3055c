package registries

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lameduck-dev/lameduck/registry/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program writes a shell script that stands for lameduck-registry: what is tested here is how
// a program that misbehaves is taken.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lameduck-registry")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

const plan = `echo '{"event":"plan","registry":"nacos orders","staleSeconds":40}'`

func TestLeave(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		last         string // detail of the last event; empty: the program's own
		events       int
	}{
		{"it says what happens until its input ends", plan + "\n" + `echo '{"event":"out","registry":"nacos orders"}'; cat >/dev/null`, "", 2},
		{"it gets every spec and the budget", `case "$*" in "leave --budget=3s --registry=nacos service=a --registry=eureka") ` + plan + `;; esac; cat >/dev/null`, "", 1},
		{"it fails", plan + "\nexit 7", "exit status 7", 2},
		{"it babbles", "echo hello; cat >/dev/null", "reading an event", 1},
		{"a line without end", "head -c 1000000 /dev/zero; cat >/dev/null", "too long", 1},
		{"it does not end when it is told to", plan + "\ntrap '' TERM; sleep 600", "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			process := Process{Path: program(t, tt.script), Specs: []string{"nacos service=a", "eureka"}}
			var got []wire.Event
			events := process.Leave(ctx, 3*time.Second)
			for event := range events {
				if got = append(got, event); len(got) == tt.events {
					cancel()
				}
			}
			if len(got) != tt.events {
				t.Fatalf("%d events: %+v", len(got), got)
			}
			if last := got[len(got)-1]; tt.last != "" && (!last.GivenUp || !strings.Contains(last.Detail, tt.last)) {
				t.Errorf("the last event is %+v", last)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	var got []wire.Event
	for event := range (Process{Path: filepath.Join(t.TempDir(), "absent")}).Leave(t.Context(), time.Second) {
		got = append(got, event)
	}
	if len(got) != 1 || !got[0].Settled() || !strings.Contains(got[0].Detail, "starting lameduck-registry") {
		t.Errorf("%+v", got)
	}
}
