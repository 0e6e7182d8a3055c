package command

import "github.com/lameduck-dev/lameduck/manifest"

// maxSettings bounds what is read of a file of settings or facts.
const maxSettings = 16 << 20

// readNamed reads a file of settings or facts.
func readNamed(path string) ([]byte, error) { return manifest.ReadNamed(path, maxSettings) }
