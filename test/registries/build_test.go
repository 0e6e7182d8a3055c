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

// shell is a program that a shell script builds.
func shell(script string) program {
	return program{name: "p", sources: []string{"java/pom.xml"}, command: func(out string) []string {
		return []string{"sh", "-c", script, "sh", out}
	}}
}

func TestBuildIsDoneOnce(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var progress bytes.Buffer
	p := shell(`echo Downloaded from central: x; echo built > "$1/p"`)
	var dirs [2]string
	for i := range dirs {
		var err error
		if dirs[i], err = p.build(t.Context(), &progress); err != nil {
			t.Fatal(err)
		}
	}
	if content, err := os.ReadFile(filepath.Join(dirs[0], "p")); err != nil || string(content) != "built\n" || dirs[0] != dirs[1] {
		t.Errorf("%q, then %q with %q, %v", dirs[0], dirs[1], content, err)
	}
	if n := strings.Count(progress.String(), "building p (cached afterwards)"); n != 1 {
		t.Errorf("built %d times:\n%s", n, progress.String())
	}
}

func TestBuildKeepsTheNewest(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var last string
	for _, word := range []string{"one", "two", "three"} {
		var err error
		if last, err = shell(`echo `+word+` > "$1/p"`).build(t.Context(), &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	}
	builds, err := filepath.Glob(filepath.Join(filepath.Dir(last), "*", "p"))
	if err != nil || len(builds) != 2 {
		t.Errorf("%q are left, %v", builds, err)
	}
	if _, err := os.Stat(last); err != nil {
		t.Error(err)
	}
}

func TestFailedBuildSaysWhyAndLeavesNothing(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	_, err := shell(`echo Downloading from central: x; echo no such symbol >&2; exit 1`).build(t.Context(), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "building p: ") || !strings.HasSuffix(err.Error(), "\nno such symbol") {
		t.Errorf("%v", err)
	}
	left, _ := filepath.Glob(filepath.Join(cache, "lameduck", "registries", "p", "*"))
	if len(left) != 1 || filepath.Base(left[0]) != "lock" {
		t.Errorf("left: %q", left)
	}
}

func TestBuildWithoutMavenNamesThePackages(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	_, err := maven("zookeeper", "zookeeper").build(t.Context(), &bytes.Buffer{})
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
		t.Error("it was not let go on to end by itself")
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	p.Kill()
	if err := ready(t.Context()); err != nil {
		t.Error("killed, and yet it tidied up")
	}
}
