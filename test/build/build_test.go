package build

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell is a program that a shell script builds.
func shell(script string) Program {
	return Program{Name: "p", Root: Here("build.go"), Sources: []string{"build.go"}, Command: func(out string) []string {
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
		if dirs[i], err = p.Build(t.Context(), &progress); err != nil {
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
		if last, err = shell(`echo `+word+` > "$1/p"`).Build(t.Context(), &bytes.Buffer{}); err != nil {
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
	_, err := shell(`echo Downloading from central: x; echo no such symbol >&2; exit 1`).Build(t.Context(), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "building p: ") || !strings.HasSuffix(err.Error(), "\nno such symbol") {
		t.Errorf("%v", err)
	}
	left, _ := filepath.Glob(filepath.Join(cache, "lameduck", "programs", "p", "*"))
	if len(left) != 1 || filepath.Base(left[0]) != "lock" {
		t.Errorf("left: %q", left)
	}
}
