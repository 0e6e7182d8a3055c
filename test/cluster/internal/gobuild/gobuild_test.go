package gobuild

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fmt.Sprintf(format, args...))
}

func TestBuildOnce(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	keepGoCache(t)
	pause := Program{Name: "pause", Dir: "programs/pause"}
	var said lines
	var paths [3]string
	var builds sync.WaitGroup
	for i := range paths {
		builds.Go(func() {
			path, err := pause.Build(t.Context(), said.say)
			if err != nil {
				t.Error(err)
			}
			paths[i] = path
		})
	}
	builds.Wait()
	if !isFile(paths[0]) || paths[0] != paths[1] || paths[0] != paths[2] {
		t.Errorf("built %q", paths)
	}
	if got := strings.Count(strings.Join(said.all, "\n"), "built pause in"); got != 1 {
		t.Errorf("built %d times, want once:\n%s", got, strings.Join(said.all, "\n"))
	}
	said.all = nil
	if _, err := pause.Build(t.Context(), said.say); err != nil || len(said.all) > 0 {
		t.Errorf("a cached program was built again: %v, %v", said.all, err)
	}
}

func TestBuildFails(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	keepGoCache(t)
	_, err := Program{Name: "broken", Dir: "internal/gobuild/testdata/broken"}.Build(t.Context(), new(lines).say)
	if err == nil || !strings.Contains(err.Error(), "building broken") || !strings.Contains(err.Error(), "undefined: nothing") {
		t.Errorf("got %v", err)
	}
	if binaries, _ := filepath.Glob(filepath.Join(cache, "lameduck/broken/*/broken*")); len(binaries) > 0 {
		t.Errorf("a failed build left %v", binaries)
	}
}

// keepGoCache lets go use its own cache although XDG_CACHE_HOME has moved.
func keepGoCache(t *testing.T) {
	if os.Getenv("GOCACHE") == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("GOCACHE", filepath.Join(home, ".cache", "go-build"))
	}
}

func TestHash(t *testing.T) {
	root := t.TempDir()
	write := func(path, content string) {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module x\n")
	write("app/main.go", "package main\n")
	write("lib/lib.go", "package lib\n")
	program := Program{Name: "app", Dir: "app", Sources: []string{"lib", "go.mod"}}
	hash := func(p Program, toolchain string) string {
		sum, err := p.hash(root, toolchain)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	last := hash(program, "go1")
	changed := func(what string, want bool) {
		t.Helper()
		now := hash(program, "go1")
		if (now != last) != want {
			t.Errorf("%s: changed %v, want %v", what, now != last, want)
		}
		last = now
	}
	changed("nothing", false)
	write("app/main_test.go", "package main\n")
	write("app/README.md", "words\n")
	changed("a test and a text", false)
	write("app/main.go", "package main // changed\n")
	changed("the program", true)
	write("lib/lib.go", "package lib // changed\n")
	changed("a library", true)
	write("go.mod", "module x // changed\n")
	changed("go.mod", true)
	program.LDFlags = "-X a.b=c"
	changed("flags", true)
	if hash(program, "go2") == last {
		t.Error("another toolchain gives the same hash")
	}
	if _, err := (Program{Dir: "none"}).hash(root, "go1"); err == nil {
		t.Error("a missing folder has a hash")
	}
}

func TestPrune(t *testing.T) {
	shelf := t.TempDir()
	now := time.Now()
	for i, name := range []string{"newest", "second", "third", "fourth", "oldest"} {
		binary := filepath.Join(shelf, name, "app")
		if err := errors.Join(os.Mkdir(filepath.Dir(binary), 0o755), os.WriteFile(binary, nil, 0o755)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(binary, now, now.Add(-time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := (Program{Name: "app"}).prune(shelf); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"newest": true, "second": true, "third": true, "fourth": false, "oldest": false} {
		if got := isFile(filepath.Join(shelf, name, "app")); got != want {
			t.Errorf("%s: kept %v, want %v", name, got, want)
		}
	}
}

func TestInstall(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "binary")
	if err := os.WriteFile(binary, []byte("code"), 0o755); err != nil {
		t.Fatal(err)
	}
	// /dev/shm is another file system on most machines, so the program is copied there.
	shm, err := os.MkdirTemp("/dev/shm", "lameduck")
	if err != nil {
		shm = dir
	} else {
		defer os.RemoveAll(shm)
	}
	for _, to := range []string{filepath.Join(dir, "linked"), filepath.Join(shm, "copied")} {
		if err := Install(binary, to); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(to)
		if err != nil || info.Size() != 4 || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", to, info, err)
		}
	}
}
