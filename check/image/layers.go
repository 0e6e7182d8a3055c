package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// maxEntries bounds an image; the largest have some 100,000 files.
const maxEntries = 2_000_000

// lay reads the next layer of an image.
func (t *tree) lay(ctx context.Context, blob io.Reader) error {
	text, err := decompressed(blob)
	if err != nil {
		return err
	}
	defer text.Close()
	t.layer++
	count := 0
	for r := tar.NewReader(text); ; {
		header, err := r.Next()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if count++; count > maxEntries {
			return fmt.Errorf("more than %d files in a layer", maxEntries)
		}
		link := ""
		if header.Typeflag == tar.TypeSymlink {
			link = header.Linkname
		}
		t.add(header.Name, header.Typeflag == tar.TypeDir, link)
	}
}

// decompressed goes by the bytes and not by the media type, which archives
// often give wrong.
func decompressed(blob io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReader(blob)
	magic, err := buffered.Peek(len(zstdMagic))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case bytes.HasPrefix(magic, gzipMagic):
		return gzip.NewReader(buffered)
	case bytes.HasPrefix(magic, zstdMagic):
		r, err := zstd.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		return r.IOReadCloser(), nil
	}
	return io.NopCloser(buffered), nil
}
