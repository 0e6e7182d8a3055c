package registries

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBuildWithoutMavenNamesThePackages(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	_, err := maven("zookeeper", "zookeeper").Build(t.Context(), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "openjdk-17-jdk-headless and maven, or run hack/deps.sh --registries") {
		t.Errorf("%v", err)
	}
}

func TestStartSaysHowAProcessEnded(t *testing.T) {
	never := func(context.Context) error { return errors.New("not yet") }
	begin := time.Now()
	_, err := process{name: "p", dir: t.TempDir(), args: []string{"sh", "-c", "echo cannot bind; exit 1"}, ready: never}.start(t.Context())
	if err == nil || err.Error() != "starting p: it ended at once\ncannot bind" || time.Since(begin) > startWithin/10 {
		t.Errorf("%v", err)
	}
}

func TestProcessStopsAndRestarts(t *testing.T) {
	dir := t.TempDir()
	ready := func(context.Context) error {
		_, err := os.Stat(filepath.Join(dir, "up"))
		return err
	}
	p, err := process{name: "p", dir: dir, args: []string{"sh", "-c", "trap 'rm up; exit' TERM; touch up; while :; do sleep 0.01; done"}, ready: ready}.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if err := ready(t.Context()); err == nil {
		t.Error("it was not resumed to end by itself")
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	p.Kill()
	if err := ready(t.Context()); err != nil {
		t.Error("it was killed, and yet it cleaned up")
	}
}
