// Package build builds the programs that tests and proofs start, once, and caches them by their content.
package build

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Program is a program that has to be built before it can be started.
type Program struct {
	Name    string
	Root    string   // the folder that its command runs in, see Here
	Sources []string // what it is built from, relative to Root
	Needs   string   // what to install for the command, and how
	// Command builds into the folder out.
	Command func(out string) []string
}

const progressEvery = 5 * time.Second

// Build returns the folder with the program, built if the cache does not have it. Builds of one program wait for each
// other, across processes. progress gets a line when a build starts, some while it runs, and one when it ends.
func (p Program) Build(ctx context.Context, progress io.Writer) (string, error) {
	dir, err := p.cached(ctx, progress)
	if err != nil {
		return "", fmt.Errorf("building %s: %w", p.Name, err)
	}
	return dir, nil
}

func (p Program) cached(ctx context.Context, progress io.Writer) (string, error) {
	if p.Root == "" {
		return "", errors.New("its sources are not there: run it with `go run` or `go test` from a checkout, without -trimpath")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w (set HOME or XDG_CACHE_HOME)", err)
	}
	hash, err := p.hash()
	if err != nil {
		return "", err
	}
	shelf := filepath.Join(cache, "lameduck", "programs", p.Name)
	dir := filepath.Join(shelf, hash)
	if err := os.MkdirAll(shelf, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(shelf, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() // which releases it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("waiting for another build of it: %w", err)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	temporary := dir + ".new"
	if err := errors.Join(os.RemoveAll(temporary), os.MkdirAll(temporary, 0o755)); err != nil {
		return "", err
	}
	if err := p.run(ctx, temporary, progress); err != nil {
		return "", errors.Join(err, os.RemoveAll(temporary))
	}
	if err := os.Rename(temporary, dir); err != nil {
		return "", err
	}
	return dir, prune(shelf)
}

// run runs the build and reports its progress: Maven's first build downloads some 100 MB.
func (p Program) run(ctx context.Context, out string, progress io.Writer) error {
	args := p.Command(out)
	if _, err := exec.LookPath(args[0]); err != nil && args[0] != "go" {
		return fmt.Errorf("%w: install %s", err, p.Needs)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = p.Root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	output := &buildOutput{}
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	read := make(chan struct{})
	go func() { output.read(reader); close(read) }()

	start := time.Now()
	fmt.Fprintf(progress, "building %s (cached afterwards)\n", p.Name)
	done := make(chan error, 1)
	go func() {
		err := cmd.Run()
		done <- errors.Join(err, writer.Close())
	}()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			<-read
			if err != nil {
				return errors.Join(context.Cause(ctx), fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, strings.Join(output.tail, "\n")))
			}
			fmt.Fprintf(progress, "built %s in %v\n", p.Name, time.Since(start).Round(time.Second/10))
			return nil
		case <-tick.C:
			fmt.Fprintf(progress, "building %s, %v so far, %d files downloaded\n", p.Name, time.Since(start).Round(time.Second), output.downloaded.Load())
		}
	}
}

// buildOutput counts a build's downloads, and keeps the end of its other output.
type buildOutput struct {
	downloaded atomic.Int64
	tail       []string
}

func (o *buildOutput) read(from io.Reader) {
	const keep = 30
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.Contains(line, "Downloaded from"), strings.HasPrefix(line, "go: downloading"):
			o.downloaded.Add(1)
		case strings.Contains(line, "Downloading from"):
		default:
			o.tail = append(o.tail[max(0, len(o.tail)-keep+1):], line)
		}
	}
	_, _ = io.Copy(io.Discard, from) // a line longer than the buffer must not stop the build
}

// hash covers the sources, the command and the Go toolchain. Java's toolchain need not be in it: the class files have
// one version whichever toolchain writes them.
func (p Program) hash() (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH, p.Command(""))
	for _, source := range p.Sources {
		err := filepath.WalkDir(filepath.Join(p.Root, source), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			fmt.Fprintf(sum, "%s %d\n%s", strings.TrimPrefix(path, p.Root), len(content), content)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}

// prune keeps the two newest builds on a shelf.
func prune(shelf string) error {
	const keep = 2
	entries, err := os.ReadDir(shelf)
	if err != nil {
		return err
	}
	var builds []fs.FileInfo
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && entry.IsDir() {
			builds = append(builds, info)
		}
	}
	slices.SortFunc(builds, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, build := range builds[min(keep, len(builds)):] {
		if err := os.RemoveAll(filepath.Join(shelf, build.Name())); err != nil {
			return fmt.Errorf("removing an old build: %w", err)
		}
	}
	return nil
}

// Here is the folder of the source file that calls it, which has a program's sources; empty if the
// file called mark is not in it.
func Here(mark string) string {
	_, file, _, _ := runtime.Caller(1)
	root := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(root, mark)); err != nil || !filepath.IsAbs(root) {
		return ""
	}
	return root
}
