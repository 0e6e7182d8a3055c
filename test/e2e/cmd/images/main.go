// Command images builds lameduck's images from this repository, as archives in a directory.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/lameduck-dev/lameduck/test/e2e"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: images DIR: builds the images as archives in DIR")
		os.Exit(2)
	}
	err := os.MkdirAll(os.Args[1], 0o755)
	var archives []string
	if err == nil {
		archives, err = e2e.Build(context.Background(), os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
	for _, archive := range archives {
		fmt.Println(archive)
	}
}
