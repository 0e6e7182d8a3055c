// Package gobuild builds the programs that a cluster runs from their sources in this module, and caches them in the
// user's cache folder under a hash of all their inputs.
package gobuild

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/lock"
)

// Program is one main package of this module or of a module nested in it.
type Program struct {
	Name    string
	Dir     string   // of the main package, relative to the module's root
	Sources []string // other folders and files that it is built from, relative to the module's root
	LDFlags string
}

const progressEvery = 5 * time.Second

// Build returns the path of the program, built if the cache does not have it. Builds of the same program wait for
// each other, across processes. say gets a line when a build starts, every 5 s while it runs, and when it ends.
func (p Program) Build(ctx context.Context, say func(format string, args ...any)) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("building %s: no cache folder: %w (set HOME or XDG_CACHE_HOME)", p.Name, err)
	}
	toolchain, err := goVersion(ctx, filepath.Join(root, p.Dir))
	if err != nil {
		return "", fmt.Errorf("building %s: %w", p.Name, err)
	}
	hash, err := p.hash(root, toolchain)
	if err != nil {
		return "", fmt.Errorf("building %s: %w", p.Name, err)
	}
	shelf := filepath.Join(cache, "lameduck", p.Name)
	binary := filepath.Join(shelf, hash, p.Name)
	if isFile(binary) {
		return binary, nil
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", fmt.Errorf("building %s: %w", p.Name, err)
	}
	release, held, err := lock.Try(shelf)
	if err == nil && !held {
		say("waiting for another build of %s", p.Name)
		release, err = lock.Acquire(ctx, shelf)
	}
	if err != nil {
		return "", fmt.Errorf("building %s: %w", p.Name, err)
	}
	defer release()
	if isFile(binary) {
		return binary, nil
	}
	if err := p.compile(ctx, filepath.Join(root, p.Dir), binary, say); err != nil {
		return "", fmt.Errorf("building %s: %w", p.Name, err)
	}
	return binary, p.prune(shelf)
}

func (p Program) flags() []string {
	return []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w " + p.LDFlags}
}

func (p Program) compile(ctx context.Context, dir, binary string, say func(string, ...any)) error {
	temporary := binary + ".new"
	defer func() { _ = os.Remove(temporary) }() // already gone if the build succeeded
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build"}, p.flags()...), "-o", temporary, ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // go then ends its compilers too
	cmd.WaitDelay = 10 * time.Second
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	say("building %s (cached afterwards)", p.Name)
	ended := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return errors.Join(context.Cause(ctx), fmt.Errorf("go build in %s: %w\n%s", dir, err, output.String()))
			}
			say("built %s in %v", p.Name, time.Since(start).Round(time.Second/10))
			return os.Rename(temporary, binary)
		case <-tick.C:
			say("building %s, %v so far", p.Name, time.Since(start).Round(time.Second))
		}
	}
}

// hash covers the sources, go.mod and go.sum included, the toolchain, the platform and the flags.
func (p Program) hash(root, toolchain string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, toolchain, runtime.GOOS, runtime.GOARCH, p.flags())
	for _, source := range append([]string{p.Dir}, p.Sources...) {
		files, err := sourceFiles(filepath.Join(root, source))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(sum, "%s %d\n%s", strings.TrimPrefix(file, root), len(content), content)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}

// sourceFiles are the files in a folder that a build depends on, or the file at path.
func sourceFiles(path string) ([]string, error) {
	if isFile(path) {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		code := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if code || name == "go.mod" || name == "go.sum" {
			files = append(files, filepath.Join(path, name))
		}
	}
	return files, nil
}

// prune keeps the three newest builds of a program.
func (p Program) prune(shelf string) error {
	const keep = 3
	binaries, err := filepath.Glob(filepath.Join(shelf, "*", p.Name))
	if err != nil {
		return err
	}
	age := func(path string) time.Duration {
		info, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return time.Since(info.ModTime())
	}
	slices.SortFunc(binaries, func(a, b string) int { return int(age(a) - age(b)) })
	for _, binary := range binaries[min(keep, len(binaries)):] {
		if err := os.RemoveAll(filepath.Dir(binary)); err != nil {
			return fmt.Errorf("removing an old build: %w", err)
		}
	}
	return nil
}

func goVersion(ctx context.Context, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "version")
	cmd.Dir = dir
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its version: %w (is go on the PATH?)", err)
	}
	return strings.TrimSpace(string(output)), nil
}

// moduleRoot is the module that this file was compiled from: it has the programs' sources.
func moduleRoot() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if !filepath.IsAbs(root) || !isFile(filepath.Join(root, "go.mod")) {
		return "", fmt.Errorf("the sources of the cluster's programs are not at %s: "+
			"run it with `go run` or `go test` from a checkout, without -trimpath", root)
	}
	return root, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Install puts a built program at path, by a hard link if possible, so that it survives emptying the cache.
func Install(binary, path string) error {
	if os.Link(binary, path) == nil {
		return nil
	}
	in, err := os.Open(binary)
	if err != nil {
		return fmt.Errorf("installing %s: %w", path, err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return fmt.Errorf("installing %s: %w", path, err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("installing %s: %w", path, err)
	}
	return nil
}
