package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// maxSettings bounds what is read of a file of settings or facts.
const maxSettings = 16 << 20

// readNamed reads a file that the user named: one of a process substitution too.
func readNamed(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readBounded(file, path)
}

// readFound reads a file of the working folder that nobody named. It may be anybody's: only a regular
// file in that very folder is read, not what a link leads to outside of it.
func readFound(name string) ([]byte, error) {
	here, err := os.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = here.Close() }()
	file, err := here.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would wait for a writer
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New(name + ": is no regular file; name it by --config if it is meant")
	}
	return readBounded(file, name)
}

func readBounded(file io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, maxSettings+1))
	if err == nil && len(text) > maxSettings {
		err = fmt.Errorf("%s: larger than %d MB", name, maxSettings>>20)
	}
	return text, err
}
