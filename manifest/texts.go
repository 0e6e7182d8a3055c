package manifest

import (
	"io"
	"strings"
)

// texts reads files into blocks: one allocation for many small ones, without the space that is lost
// between their sizes and the allocator's.
type texts struct {
	block strings.Builder
	buf   []byte
}

// textBlock is how many bytes of small files share an allocation.
const textBlock = 256 << 10

// read takes a file of that size, or of another if it changes while it is read, up to MaxBytes.
func (t *texts) read(file io.Reader, size int64) (string, error) {
	if int64(t.block.Cap()-t.block.Len()) < size {
		t.block.Reset()
		t.block.Grow(max(int(size), textBlock))
	}
	start := t.block.Len()
	for {
		n, err := file.Read(t.buf)
		t.block.Write(t.buf[:n])
		read := t.block.Len() - start
		switch {
		case err == io.EOF, err == nil && n > 0 && n < len(t.buf) && int64(read) == size:
			return t.block.String()[start:], nil // the usual file needs one call
		case err != nil:
			return "", err
		case read > MaxBytes:
			return "", tooLarge(int64(read))
		}
	}
}
