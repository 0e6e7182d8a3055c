//go:build !unix

package command

import (
	"io/fs"
	"os"
)

func severalNames(fs.FileInfo) bool { return false }

func keepOwner(*os.File, fs.FileInfo) error { return nil }
