package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

// MaxBytes is the size above which a file is not read. The largest manifests
// in use (CRD bundles) have about 10 MB.
const MaxBytes = 32 << 20

// Loader finds and reads manifests.
type Loader struct {
	Stdin io.Reader // what "-" names

	// Render, if set, is offered every folder before its files are read, and
	// reports whether it took the folder as a whole: a chart, a kustomization.
	Render func(dir string) (files []*File, problems []Problem, took bool)

	// Progress, if set, is called with the number of files read and found so
	// far, from one goroutine at a time.
	Progress func(read, found int)
}

// Input is what was read, in the order in which it was named and, within a folder, by name.
type Input struct {
	Files    []*File
	Problems []Problem
}

// Load reads files, folders and standard input. What cannot be read becomes a
// Problem; the rest is still there. The error is that of ctx.
func (l *Loader) Load(ctx context.Context, names ...string) (*Input, error) {
	in := &Input{}
	w := &walk{loader: l, seen: map[string]bool{}}
	for _, name := range names {
		if name == "-" {
			w.add(name)
			continue
		}
		w.named(name)
	}
	in.Problems = w.problems
	var seen seenFiles
	results := make([]result, len(w.paths))
	if err := l.readAll(ctx, w.paths, results); err != nil {
		return nil, err
	}
	for i, r := range results {
		if done := w.rendered[i]; done != nil {
			in.Files = append(in.Files, done.files...)
			in.Problems = append(in.Problems, done.problems...)
			continue
		}
		if seen.again(r.info) {
			continue
		}
		in.Problems = append(in.Problems, r.problems...)
		if r.file != nil {
			in.Files = append(in.Files, r.file)
		}
	}
	return in, nil
}

type result struct {
	file     *File
	problems []Problem
	info     fs.FileInfo // of a regular file
}

func (l *Loader) readAll(ctx context.Context, paths []string, results []result) error {
	var next, read, aliased atomic.Int64
	var progress sync.Mutex
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(1, len(paths))) {
		wg.Go(func() {
			nodes := arena{aliased: &aliased}
			texts := texts{buf: make([]byte, 64<<10)}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(paths) {
					return
				}
				if paths[i] != "" {
					results[i] = l.read(paths[i], &nodes, &texts)
				}
				if n := read.Add(1); l.Progress != nil && n%256 == 0 {
					progress.Lock()
					l.Progress(int(n), len(paths))
					progress.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (l *Loader) read(path string, nodes *arena, texts *texts) result {
	src, info, err := l.text(path, texts)
	if err != nil {
		return result{problems: []Problem{{Path: path, Text: reason(err)}}, info: info}
	}
	f, problems := parse(path, src, nodes)
	return result{f, problems, info}
}

func (l *Loader) text(path string, texts *texts) (string, fs.FileInfo, error) {
	if path == "-" {
		data, err := io.ReadAll(io.LimitReader(l.Stdin, MaxBytes+1))
		src, err := l.bounded(data, err)
		return src, nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", nil, err
	}
	if info.Size() > MaxBytes {
		return "", info, tooLarge(info.Size())
	}
	src, err := texts.read(file, info.Size())
	return src, info, err
}

func (l *Loader) bounded(data []byte, err error) (string, error) {
	if err == nil && len(data) > MaxBytes {
		err = tooLarge(int64(len(data)))
	}
	return string(data), err
}

func tooLarge(size int64) error {
	return fmt.Errorf("%d MB, more than the limit of %d MB; split it", size>>20, MaxBytes>>20)
}

// reason is an error without the path, which the Problem names already.
func reason(err error) string {
	var pathErr *fs.PathError
	if !errors.As(err, &pathErr) {
		return err.Error()
	}
	switch {
	case errors.Is(err, syscall.ELOOP):
		return "a symbolic link that leads to itself"
	case errors.Is(err, fs.ErrNotExist):
		return "no such file or folder"
	case errors.Is(err, fs.ErrPermission):
		return "not readable by this user"
	}
	return pathErr.Err.Error()
}
