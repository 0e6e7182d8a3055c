package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// source opens the files of a layout by their names in it.
type source interface {
	open(name string) (io.ReadCloser, error)
	Close() error
}

func openSource(name string) (source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(name)
		if err != nil {
			return nil, err
		}
		return folder{root}, nil
	}
	return openArchive(name)
}

// folder is a layout in a folder; it opens nothing outside.
type folder struct{ *os.Root }

func (f folder) open(name string) (io.ReadCloser, error) { return f.Open(name) }

// archive is a tar file that is read in place.
type archive struct {
	*os.File
	files map[string]piece
	links map[string]string // docker save names a layer twice by a link
}

type piece struct{ offset, size int64 }

func openArchive(name string) (_ *archive, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	var magic [2]byte
	if _, err := file.ReadAt(magic[:], 0); err == nil && bytes.Equal(magic[:], gzipMagic) {
		return nil, errors.New("compressed as a whole; decompress it with gunzip first")
	}
	a := &archive{File: file, files: map[string]piece{}, links: map[string]string{}}
	for r := tar.NewReader(file); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading it as a tar archive: %w", err)
		}
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		switch name := path.Clean(header.Name); header.Typeflag {
		case tar.TypeReg:
			a.files[name] = piece{offset, header.Size}
		case tar.TypeSymlink:
			a.links[name] = path.Join(path.Dir(name), header.Linkname)
		case tar.TypeLink:
			a.links[name] = path.Clean(header.Linkname)
		}
	}
}

func (a *archive) open(name string) (io.ReadCloser, error) {
	if to, ok := a.links[name]; ok {
		name = to
	}
	at, ok := a.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(io.NewSectionReader(a.File, at.offset, at.size)), nil
}
