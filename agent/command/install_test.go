package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/agent/settings"
)

// TestInstallNeverFailsByItsFlags: an init container that fails keeps its pod from starting.
func TestInstallNeverFailsByItsFlags(t *testing.T) {
	_, public, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	const good = "--fallback-wait=20s"
	tests := []struct {
		name string
		args []string
		want string
		kept []string // beside good
	}{
		{"unknown flag", []string{"--router-wait=60s", good}, "no flag --router-wait", nil},
		{"unknown switch", []string{"--trace", good}, "no flag --trace", nil},
		{"prestop's flag", []string{"--then-exec", good}, "then-exec", nil},
		{"two unknown", []string{"--a=1", good, "--b=2"}, "no flag --a; --b=2", nil},
		{"a word", []string{good, "OTHER"}, `"OTHER" is not a flag`, nil},
		{"no duration", []string{"--grace=60", good}, "grace", nil},
		{"no value", []string{good, "--grace"}, "needs a value", nil},
		{"port 0", []string{"--port=8080", "--port=0", good}, "port", []string{"--port=8080"}},
		{"port by name", []string{"--port=http", good}, "port", nil},
		{"probe without period", []string{"--probe=8080", good}, "PORT/PERIOD", nil},
		{"probe each 0 s", []string{"--probe=8080/0s", good}, "period", nil},
		{"node by name", []string{"--node-address=10.0.0.1,node1", good}, "not an IP address", nil},
		{"hub without port", []string{"--hub=10.96.0.17", good}, "not host:port", nil},
		{"zero grace", []string{"--grace=0s", good}, "must be more than zero", []string{"--grace=0s"}},
		{"absurd grace", []string{"--grace=2000000h", good}, "at most", []string{"--grace=2000000h"}},
		{"negative part", []string{"--stop=-1s", good}, "stop is -1s", []string{"--stop=-1s"}},
		{"quiet upside down", []string{"--quiet-floor=5s", good}, "quiet goes from", []string{"--quiet-floor=5s"}},
		{"hub without key", []string{"--hub=10.96.0.17:80", good}, "no hub-key", []string{"--hub=10.96.0.17:80"}},
		{"key without hub", []string{"--hub-key=" + public, good}, "no hub", []string{"--hub-key=" + public}},
		{"no key", []string{"--hub=10.96.0.17:80", "--hub-key=secret", good}, "hub public key", []string{"--hub=10.96.0.17:80", "--hub-key=secret"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			var stdout, stderr bytes.Buffer
			code := Main(append([]string{"install", dir}, tt.args...), "v1", &stdout, &stderr)
			if code != ExitDone || !strings.Contains(stderr.String(), tt.want) || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("exit code %d, %q, want one line with %q", code, &stderr, tt.want)
			}
			written, err := os.ReadFile(filepath.Join(dir, configName))
			var kept []string
			if err != nil || json.Unmarshal(written, &kept) != nil || !slices.Equal(kept, append(tt.kept, good)) {
				t.Errorf("it wrote %s, %v", written, err)
			}
			if _, err := os.Stat(filepath.Join(dir, installedName)); err != nil {
				t.Error(err)
			}
			o, _, _ := parsePrestop(nil, filepath.Join(dir, configName))
			if config, _, _ := o.settings(); config.Validate() != nil {
				t.Error("there is nothing to wait by")
			}
		})
	}
}

func TestInstallNeedsADirectory(t *testing.T) {
	for _, args := range [][]string{nil, {"--grace=60s"}} {
		var stdout, stderr bytes.Buffer
		if code := Main(append([]string{"install"}, args...), "v1", &stdout, &stderr); code != ExitUsage || !strings.Contains(stderr.String(), "directory is missing") {
			t.Errorf("%q: exit code %d, %s", args, code, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"install", filepath.Join(t.TempDir(), "none")}, "v1", &stdout, &stderr); code != ExitFailed || !strings.Contains(stderr.String(), "none") {
		t.Errorf("a directory that is not there: exit code %d, %s", code, &stderr)
	}
}

// TestInstallReadsTheEnvironment: a webhook puts flags there that an older agent does not know.
func TestInstallReadsTheEnvironment(t *testing.T) {
	for name, tt := range map[string]struct {
		environment, left string
		kept              []string
	}{
		"none":        {"", "", []string{"--grace=60s"}},
		"an empty":    {"[]", "", []string{"--grace=60s"}},
		"known":       {`["--restart-grace=app/10s","--peer-ceiling=20s"]`, "", []string{"--grace=60s", "--restart-grace=app/10s", "--peer-ceiling=20s"}},
		"one unknown": {`["--tomorrow=1","--peer-ceiling=20s"]`, "no flag --tomorrow", []string{"--grace=60s", "--peer-ceiling=20s"}},
		"a word":      {`["--peer-ceiling=20s","word"]`, `"word" in LAMEDUCK_INSTALL_ARGS is not a flag`, []string{"--grace=60s", "--peer-ceiling=20s"}},
		"no list":     {"--peer-ceiling=20s", "write a list of flags in JSON", []string{"--grace=60s"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv(settings.Variable, tt.environment)
			var stdout, stderr bytes.Buffer
			code := Main([]string{"install", dir, "--grace=60s"}, "v1", &stdout, &stderr)
			if code != ExitDone || !strings.Contains(stderr.String(), tt.left) || (stderr.Len() > 0) != (tt.left != "") {
				t.Errorf("exit code %d, %q, want a line with %q", code, &stderr, tt.left)
			}
			written, err := os.ReadFile(filepath.Join(dir, configName))
			var kept []string
			if err != nil || json.Unmarshal(written, &kept) != nil || !slices.Equal(kept, tt.kept) {
				t.Errorf("it wrote %s, %v", written, err)
			}
		})
	}
}
