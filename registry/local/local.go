// Package local reads what a spec names in the environment and the files of the container that it
// runs in. No other package does: clients are given what they need, so that a program that acts for
// a pod from elsewhere, as the controller does, can't be made to open a file.
package local

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lameduck-dev/lameduck/registry"
)

// maxFile is more than any password, and any chain of certificates, in bytes.
const maxFile = 1 << 20

// Secret reads username, password, token, ca, cert or key from where the spec says that it is. It
// is read anew at each call, because mounted Secrets change.
func Secret(spec registry.Spec, name string) (string, error) {
	if variable := spec.Get(name + "-env"); variable != "" {
		value, found := os.LookupEnv(variable)
		if !found {
			return "", fmt.Errorf("%s: the environment has no %s", name, variable)
		}
		return value, nil
	}
	path := spec.Get(name + "-file")
	if path == "" {
		return "", nil
	}
	text, err := read(path)
	if err != nil {
		return "", fmt.Errorf("%s-file: %w; give the path of one that is mounted here", name, err)
	}
	return strings.TrimRight(text, "\r\n"), nil
}

func read(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s holds more than %d bytes", path, maxFile)
	}
	return string(text), err
}
