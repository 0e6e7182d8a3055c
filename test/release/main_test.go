package main

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUsersGetIt tags the checkout as it is, makes the tags' modules, and installs and imports
// them from outside: the modules must work without go.work.
func TestUsersGetIt(t *testing.T) {
	root, err := checkout(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const version = "v0.0.1-test"
	m, err := publish(t.Context(), root, t.TempDir(), version)
	if err != nil {
		t.Fatal(err)
	}
	if err := use(t.Context(), m, version); err != nil {
		t.Fatal(err)
	}
	sameModules(t, root, filepath.Join(m.dir, "user", "bin", "lameduck"))
}

// sameModules checks that a program is linked with the same modules as the checkout's tests. What go.work
// joins must not raise one another's requirements.
func sameModules(t *testing.T, root repository, program string) {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	installed := map[string]string{}
	for _, dep := range info.Deps {
		installed[dep.Path] = dep.Version
	}
	text, err := output(t.Context(), string(root), nil, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/lameduck")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(text) {
		path, tested, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		seen++
		if installed[path] != tested {
			t.Errorf("users get %s %s, tests run with %s: give test/go.mod and test/cluster/go.mod the root's version", path, installed[path], tested)
		}
	}
	if seen == 0 {
		t.Error("no module was compared")
	}
}

// TestReady tries a checkout in which everything is missing.
func TestReady(t *testing.T) {
	r := repository(t.TempDir())
	git := func(args ...string) {
		t.Helper()
		if _, err := r.git(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(string(r), name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "--quiet")
	git("config", "user.name", "test")
	git("config", "user.email", "test@localhost")
	write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n## v0.1.0\n")
	git("add", ".")
	git("commit", "--quiet", "--message", "first")
	if err := r.ready(t.Context(), "v0.1.0"); err != nil {
		t.Errorf("ready: %v", err)
	}
	if err := r.ready(t.Context(), "0.1"); err == nil || !strings.Contains(err.Error(), "write it as in v0.1.0") {
		t.Errorf("no version: %v", err)
	}
	git("tag", "graceful/v0.1.1")
	write("new", "")
	err := r.ready(t.Context(), "v0.1.1")
	for _, want := range []string{"is not clean", "?? new", "graceful/v0.1.1", "CHANGELOG.md has no section v0.1.1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestSumsInOrder checks that go.sum stays as the go command writes it.
func TestSumsInOrder(t *testing.T) {
	s := sums{Path: "b/b", Version: "v2.0.0", Sum: "h1:b=", GoModSum: "h1:m="}
	const want = "a/a v1.0.0 h1:a=\nb/b v2.0.0 h1:b=\nb/b v2.0.0/go.mod h1:m=\nb/c v1.0.0 h1:c=\n"
	for _, text := range []string{
		"a/a v1.0.0 h1:a=\nb/c v1.0.0 h1:c=\n",
		"a/a v1.0.0 h1:a=\nb/b v1.0.0 h1:old=\nb/b v1.0.0/go.mod h1:old=\nb/c v1.0.0 h1:c=\n", want,
	} {
		if got := s.into(text); got != want {
			t.Errorf("got\n%s", got)
		}
	}
}
