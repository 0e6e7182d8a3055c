// Package image turns a static binary, or files, into a container image, without a daemon and without a registry: one
// layer with the binary and the files, above layers shared with other images, as an archive that
// `ctr images import` and `docker load` read.
package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/compression"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// DefaultUser is nobody: an image that needs root has to say so.
const DefaultUser = "65532:65532"

// Spec is what goes into an image.
type Spec struct {
	Tag        string            // such as registry.local/app:dev; a pod names it so, with imagePullPolicy Never
	Below      []*Layer          // the layers beneath, the lowest first
	Binary     string            // path of a static linux binary; it becomes /BASENAME; empty: only Files, with an Entrypoint
	Name       string            // the binary's name in the image; default the base name of Binary
	Files      map[string]string // further files: absolute path in the image -> path on this machine
	Entrypoint []string          // default: the binary
	User       string            // default DefaultUser
	Env        []string          // NAME=value
	Arch       string            // default this machine's
}

// Layer is a layer that several images share: an archive and a node hold it once.
type Layer struct{ layer v1.Layer }

// NewLayer makes a layer from files: absolute path in the image -> path on this machine.
func NewLayer(files map[string]string) (*Layer, error) {
	content, err := layer(files)
	if err != nil {
		return nil, fmt.Errorf("making a layer: %w", err)
	}
	// The archive never leaves the machine: compressing it would only cost time, here and at each node.
	made, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithCompression(compression.None))
	if err != nil {
		return nil, fmt.Errorf("making a layer: %w", err)
	}
	return &Layer{made}, nil
}

// Write writes the image as an archive to file, or leaves no file.
func Write(spec Spec, file string) error { return WriteAll([]Spec{spec}, file) }

// WriteAll writes several images into one archive.
func WriteAll(specs []Spec, file string) error {
	images := map[name.Tag]v1.Image{}
	for _, spec := range specs {
		tag, err := name.NewTag(spec.Tag)
		if err != nil {
			return fmt.Errorf("image %q: %w", spec.Tag, err)
		}
		if images[tag], err = build(spec); err != nil {
			return fmt.Errorf("image %s: %w", spec.Tag, err)
		}
	}
	temporary := file + ".new"
	if err := tarball.MultiWriteToFile(temporary, images); err != nil {
		return errors.Join(fmt.Errorf("writing images to %s: %w", file, err), os.RemoveAll(temporary))
	}
	return os.Rename(temporary, file)
}

func build(spec Spec) (v1.Image, error) {
	binary := path.Join("/", cmp.Or(spec.Name, path.Base(spec.Binary)))
	files := maps.Clone(spec.Files)
	if files == nil {
		files = map[string]string{}
	}
	if spec.Binary != "" {
		files[binary] = spec.Binary
	}
	top, err := NewLayer(files)
	if err != nil {
		return nil, err
	}
	var layers []v1.Layer
	for _, below := range append(slices.Clone(spec.Below), top) {
		layers = append(layers, below.layer)
	}
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.OS, config.Architecture = "linux", cmp.Or(spec.Arch, runtime.GOARCH)
	config.Config = v1.Config{
		Entrypoint: spec.Entrypoint,
		Env:        append([]string{"PATH=/"}, spec.Env...),
		User:       cmp.Or(spec.User, DefaultUser),
	}
	if len(spec.Entrypoint) == 0 {
		config.Config.Entrypoint = []string{binary}
	}
	return mutate.ConfigFile(image, config)
}

// layer is a reproducible tar: sorted names, no times, no owners, executable exactly where the source is.
func layer(files map[string]string) ([]byte, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	made := map[string]bool{}
	for _, target := range slices.Sorted(maps.Keys(files)) {
		if !path.IsAbs(target) || path.Clean(target) != target || target == "/" {
			return nil, fmt.Errorf("file %q: give it a clean absolute path", target)
		}
		if err := addParents(archive, target, made); err != nil {
			return nil, err
		}
		content, err := os.ReadFile(files[target])
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(files[target])
		if err != nil {
			return nil, err
		}
		header := &tar.Header{Name: target[1:], Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}
		if info.Mode()&0o111 != 0 {
			header.Mode = 0o755
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(content); err != nil {
			return nil, err
		}
	}
	return buffer.Bytes(), archive.Close()
}

func addParents(archive *tar.Writer, target string, made map[string]bool) error {
	parts := strings.Split(path.Dir(target)[1:], "/")
	for i := range parts {
		dir := strings.Join(parts[:i+1], "/")
		if dir == "" || made[dir] {
			continue
		}
		made[dir] = true
		if err := archive.WriteHeader(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
			return err
		}
	}
	return nil
}
