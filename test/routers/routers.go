// Package routers has the routers that people use, built or installed for the proofs, as images for a
// cluster.
package routers

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/lameduck-dev/lameduck/test/build"
	"github.com/lameduck-dev/lameduck/test/cluster/image"
)

// TraefikImage is the tag of Traefik's image; its entrypoint is Traefik.
const TraefikImage = "registry.local/traefik:dev"

var traefik = build.Program{
	Name: "traefik", Root: build.Here("traefik/go.mod"), Sources: []string{"traefik", "buildtraefik"},
	Command: func(out string) []string { return []string{"go", "run", "./buildtraefik", out} },
}

// TraefikVersion is the one that is built.
const TraefikVersion = "v3.7.13"

// WriteTraefik builds Traefik and writes its image to an archive. The first build takes some minutes.
func WriteTraefik(ctx context.Context, archive string, progress io.Writer) error {
	built, err := traefik.Build(ctx, progress)
	if err != nil {
		return err
	}
	if err := image.Write(image.Spec{Tag: TraefikImage, Binary: filepath.Join(built, "traefik")}, archive); err != nil {
		return fmt.Errorf("packing traefik: %w", err)
	}
	return nil
}
