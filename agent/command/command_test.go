package command

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/agent"
	"github.com/lameduck-dev/lameduck/agent/hook"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

var update = flag.Bool("update", false, "write the golden files anew")

// injected is the command line that a webhook writes.
func injected(t *testing.T) []string {
	_, public, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"--hub=10.96.0.17:80", "--hub=lameduck-hub.lameduck-system.svc:80", "--hub-key=" + public, "--token-file=/lameduck-token/token",
		"--grace=1m0s", "--announce=3s", "--confirm=20s", "--drain=15s", "--stop=20s", "--margin=2s", "--min-wait=0s", "--fallback-wait=10s",
		"--quiet-floor=500ms", "--quiet-ceiling=5s", "--port=8080", "--port=9090", "--probe=8080/5s", "--node-address=10.0.0.1,fd00::1",
	}
}

func TestInstallThenPrestop(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	for range 2 { // an init container may run again
		if code := Main(append([]string{"install", dir}, injected(t)...), "v1", &stdout, &stderr); code != ExitDone {
			t.Fatalf("exit code %d: %s", code, &stderr)
		}
	}
	for name, want := range map[string]os.FileMode{installedName: 0o755, configName: 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("it holds %v, %v", left, err)
	}
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if copied, err := os.ReadFile(filepath.Join(dir, installedName)); err != nil || !bytes.Equal(copied, own) {
		t.Errorf("the copy has %d bytes of %d, %v", len(copied), len(own), err)
	}

	o, _, err := parsePrestop([]string{"--container=app", "--min-wait=10s", "--fallback-wait=20s", "--then-exec", "--", "nginx", "-s", "quit"}, filepath.Join(dir, configName))
	if err != nil {
		t.Fatal(err)
	}
	config, hub, err := o.settings()
	if err != nil {
		t.Fatal(err)
	}
	wantBudget := termination.Budget{Grace: 60 * time.Second, Announce: 3 * time.Second, Confirm: 20 * time.Second, Drain: 15 * time.Second, Stop: 20 * time.Second, Margin: 2 * time.Second}
	if config.Budget != wantBudget || config.MinWait != 10*time.Second || config.FallbackWait != 20*time.Second ||
		config.Quiet != (agent.Quiet{Floor: 500 * time.Millisecond, Ceiling: 5 * time.Second}) ||
		!slices.Equal(config.Ports, []uint16{8080, 9090}) || len(config.Probes) != 1 || len(config.NodeAddresses) != 2 || o.container != "app" {
		t.Errorf("%+v", config)
	}
	if hub == nil || len(hub.Addresses) != 2 || hub.TokenFile != "/lameduck-token/token" {
		t.Errorf("hub %+v", hub)
	}
	own2, early, err := o.ownHook()
	if err != nil || early || !reflect.DeepEqual(own2, hook.Exec{Command: []string{"nginx", "-s", "quit"}}) {
		t.Errorf("own hook %+v, %v, %v", own2, early, err)
	}
}

// TestBrokenSettingsStayUsable: whatever is wrong, there is a configuration to wait by.
func TestBrokenSettingsStayUsable(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), configName)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write(`["--grace=60s", "--fallback-wait=20s"]`)
	then := []string{"--then-exec", "--", "true"}
	tests := []struct {
		name     string
		config   string
		args     []string
		fallback time.Duration
		hook     bool
	}{
		{"unknown flag", good, append([]string{"--unknown"}, then...), 20 * time.Second, true},
		{"bad value", good, append([]string{"--grace=soon"}, then...), 20 * time.Second, true},
		{"negative grace", good, []string{"--grace=-5s"}, 15 * time.Second, false},
		{"a stray word", good, []string{"stray"}, 20 * time.Second, false},
		{"hub's key", good, []string{"--hub=a:1", "--hub-key=%"}, 20 * time.Second, false},
		{"two own hooks", good, []string{"--then-http=:80/", "--at-announce-http=:80/"}, 20 * time.Second, true},
		{"header first", good, []string{"--then-http-header=a: b"}, 20 * time.Second, false},
		{"not JSON", write("grace: 60s"), then, 15 * time.Second, true},
		{"JSON of another kind", write(`{"grace": 60}`), then, 15 * time.Second, true},
		{"unknown flag in the file", write(`["--unknown=1", "--grace=60s", "--fallback-wait=20s"]`), then, 20 * time.Second, true},
		{"bad value in the file", write(`["--port=http", "--grace=60s", "--fallback-wait=20s"]`), then, 20 * time.Second, true},
		{"help in the file", write(`["--help"]`), then, 15 * time.Second, true},
		{"a word in the file", write(`["stray"]`), then, 15 * time.Second, true},
		{"a huge file", write(strings.Repeat(" ", maxConfig+1)), then, 15 * time.Second, true},
		{"a directory", t.TempDir(), then, 15 * time.Second, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, _, err := parsePrestop(tt.args, tt.config)
			config, hub, settingsErr := o.settings()
			own, _, hookErr := o.ownHook()
			if err == nil && settingsErr == nil && hookErr == nil {
				t.Error("no error")
			}
			if err := config.Validate(); err != nil || config.FallbackWait != tt.fallback || hub != nil {
				t.Errorf("%+v, %v, %v", config, hub, err)
			}
			if (own != nil) != tt.hook {
				t.Errorf("own hook %v", own)
			}
		})
	}
	if o, _, err := parsePrestop(nil, filepath.Join(t.TempDir(), "none")); err != nil || o.grace != agent.DefaultGrace {
		t.Errorf("without settings: %v", err)
	}
}

func TestLogLine(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	outcome := agent.Summary{
		Timeline: termination.Timeline{Budget: termination.Default, Steps: []termination.Step{{Phase: termination.LameDuck, Time: start}}},
		Hub:      "routers confirmed after 0.31s (3 nodes)", Silence: 320 * time.Millisecond, Window: 300 * time.Millisecond,
		Waited: 420 * time.Millisecond, Drained: 20 * time.Millisecond, Total: 440 * time.Millisecond, Limit: 48 * time.Second,
	}
	outcome.Timeline.Add(termination.Evidence{Time: start, Kind: termination.Quiet, Source: "agent"})
	var got bytes.Buffer
	got.WriteString(logLine(outcome, nil, false))
	got.WriteString(logLine(outcome, nil, true))
	late := outcome
	late.Hub, late.Late, late.Silence, late.Arrivals = "hub NOT REACHED: connection\x1b[31m\nrefused", true, 20*time.Millisecond, 41
	late.Undrained, late.Busy, late.Hook, late.HookTook = true, 2, "got 200 OK", 1200*time.Millisecond
	got.WriteString(logLine(late, os.ErrClosed, false))
	blind := outcome
	blind.Blind, blind.Waited = true, 15*time.Second
	got.WriteString(logLine(blind, nil, false))
	golden := filepath.Join("testdata", "loglines.txt")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%swant\n%s", &got, want)
	}
}

func TestLogLineIsShort(t *testing.T) {
	outcome := agent.Summary{Hub: strings.Repeat("long ", 2000)}
	for range 100 {
		outcome.Timeline.Add(termination.Evidence{Kind: termination.BarrierMissed, Detail: strings.Repeat("x", 200)})
	}
	outcome.Timeline.Add(termination.Evidence{Kind: termination.Drained})
	for _, asJSON := range []bool{false, true} {
		line := logLine(outcome, nil, asJSON)
		if len(line) > maxLine || strings.Index(line, "\n") != len(line)-1 {
			t.Errorf("%d bytes: %.100q", len(line), line)
		}
		var read termination.Timeline
		if asJSON && (json.Unmarshal([]byte(line), &read) != nil || read.Evidence[len(read.Evidence)-1].Kind != termination.Drained) {
			t.Errorf("%.100q", line)
		}
	}
}

func TestSayTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sayTo(path, "a line\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "before\na line\n" {
		t.Errorf("%q, %v", got, err)
	}
	if err := sayTo(filepath.Join(path, "none"), "a line\n"); err == nil {
		t.Error("a log that is not there: no error")
	}
}

func TestMainUsage(t *testing.T) {
	tests := []struct {
		args []string
		code int
		out  string
		err  string
	}{
		{nil, ExitUsage, "", "Usage"},
		{[]string{"sleep"}, ExitUsage, "", `no command "sleep"`},
		{[]string{"version"}, ExitDone, "lameduck-agent v1", ""},
		{[]string{"--help"}, ExitDone, "preStop", ""},
		{[]string{"prestop", "--help"}, ExitDone, "-fallback-wait", ""},
		{[]string{"install", "--help"}, ExitDone, "-hub-key", ""},
	}
	for _, tt := range tests {
		var stdout, stderr bytes.Buffer
		code := Main(tt.args, "v1", &stdout, &stderr)
		if code != tt.code || !strings.Contains(stdout.String(), tt.out) || !strings.Contains(stderr.String(), tt.err) || (tt.err == "") != (stderr.Len() == 0) {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", tt.args, code, &stdout, &stderr)
		}
	}
}

func FuzzParsePrestop(f *testing.F) {
	f.Add(`["--grace=60s"]`, "--probe=8080/5s")
	f.Add(`[]`, "--then-http=:80/")
	f.Add(`{}`, "--node-address=::1,")
	f.Fuzz(func(t *testing.T, written, arg string) {
		path := filepath.Join(t.TempDir(), configName)
		if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
		o, _, err := parsePrestop([]string{arg}, path)
		if asksHelp(err) {
			return
		}
		config, _, _ := o.settings()
		if err := config.Validate(); err != nil {
			t.Errorf("nothing to wait by: %v", err)
		}
	})
}
