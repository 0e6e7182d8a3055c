package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lameduck-dev/lameduck/check"
)

// Read reads what an image on this disk says about its process. The path is that of an OCI layout,
// of an archive of one, or of the output of docker save. The name as is the one that manifests use;
// "" takes the image's own.
func Read(ctx context.Context, path, as string) (check.Images, error) {
	s, err := openSource(path)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", path, err)
	}
	defer func() { _ = s.Close() }() // it was only read
	found, err := list(s)
	if err == nil {
		found, err = choose(found, as)
	}
	images := check.Images{}
	for _, each := range found {
		if err != nil {
			break
		}
		var facts check.Image
		if facts, err = each.facts(ctx, s); err == nil {
			for _, name := range each.names {
				images.Add(name, facts)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", path, err)
	}
	return images, nil
}

// stored is one image of a source.
type stored struct {
	names  []string
	tag    string // where the layout gives a tag only
	config string
	layers []string
}

// list finds the images for Linux.
func list(s source) ([]stored, error) {
	var index v1.IndexManifest
	err := decode(s, "index.json", &index)
	if err == nil {
		return follow(s, index.Manifests, nil)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var saved []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := decode(s, "manifest.json", &saved); errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("it holds neither index.json nor manifest.json: it is not an OCI layout, and not from docker save")
	} else if err != nil {
		return nil, err
	}
	var all []stored
	for _, each := range saved {
		all = append(all, stored{names: each.RepoTags, config: each.Config, layers: each.Layers})
	}
	return all, nil
}

// Under these annotations a layout's index names an image. The first often
// holds the tag alone.
const (
	refName  = "org.opencontainers.image.ref.name"
	fullName = "io.containerd.image.name"
)

// follow goes through an index to its images: of those for several platforms the
// first for Linux counts.
func follow(s source, entries []v1.Descriptor, above *stored) ([]stored, error) {
	var all []stored
	for _, d := range entries {
		if d.Platform != nil && d.Platform.OS != "linux" && d.Platform.OS != "" {
			continue // another system, or an attestation
		}
		image := stored{}
		if above != nil {
			image = *above
		} else if name := d.Annotations[fullName]; name != "" {
			image.names = []string{name}
		} else if name := d.Annotations[refName]; strings.ContainsAny(name, "/:") {
			image.names = []string{name}
		} else {
			image.tag = name
		}
		for _, name := range image.names {
			if repo := check.Repository(name); above == nil && repo != "" {
				image.names = append(image.names, repo+"@"+d.Digest.String())
			}
		}
		if d.MediaType.IsIndex() {
			var inner v1.IndexManifest
			if err := decode(s, blob(d.Digest), &inner); err != nil {
				return nil, err
			}
			found, err := follow(s, inner.Manifests, &image)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		} else {
			var m v1.Manifest
			if err := decode(s, blob(d.Digest), &m); err != nil {
				return nil, err
			}
			image.config = blob(m.Config.Digest)
			for _, l := range m.Layers {
				image.layers = append(image.layers, blob(l.Digest))
			}
			all = append(all, image)
		}
		if above != nil && len(all) > 0 {
			return all[:1], nil
		}
	}
	return all, nil
}

func blob(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }

// choose keeps the image that is meant and gives it the name that is wanted.
func choose(found []stored, as string) ([]stored, error) {
	named := slices.DeleteFunc(slices.Clone(found), func(s stored) bool { return len(s.names) == 0 })
	switch {
	case len(found) == 0:
		return nil, errors.New("it holds no image for Linux")
	case as == "" && len(named) == 0:
		return nil, errors.New("it does not name the image; write NAME=PATH")
	case as == "":
		return named, nil
	}
	if len(found) > 1 {
		tag := as[strings.LastIndexByte(as, ':')+1:]
		found = slices.DeleteFunc(found, func(s stored) bool {
			return s.tag != tag && !slices.ContainsFunc(s.names, func(name string) bool { return strings.HasSuffix(name, ":"+tag) })
		})
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("it holds several images, and which one is %s is unclear; give each its own archive", as)
	}
	found[0].names = []string{as}
	return found, nil
}

// usualPath is PATH where an image sets none (runc, libcontainer).
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (i stored) facts(ctx context.Context, s source) (check.Image, error) {
	var file v1.ConfigFile
	if err := decode(s, i.config, &file); err != nil {
		return check.Image{}, err
	}
	facts := check.Image{
		Entrypoint: file.Config.Entrypoint, Cmd: file.Config.Cmd,
		StopSignal: file.Config.StopSignal, Labels: file.Config.Labels,
	}
	t := newTree()
	for _, name := range i.layers {
		b, err := s.open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return facts, nil // a layer that is kept elsewhere: what the image holds is not known
		}
		if err != nil {
			return facts, err
		}
		err = t.lay(ctx, b)
		_ = b.Close()
		if err != nil {
			return facts, fmt.Errorf("layer %s: %w", name, err)
		}
	}
	places := usualPath
	for _, env := range file.Config.Env {
		if value, ok := strings.CutPrefix(env, "PATH="); ok {
			places = value
		}
	}
	facts.Programs = []string{}
	for _, program := range check.HookPrograms {
		if slices.ContainsFunc(strings.Split(places, ":"), func(dir string) bool { return t.has(path.Join("/", dir, program)) }) {
			facts.Programs = append(facts.Programs, program)
		}
	}
	shell := t.has("/bin/sh")
	facts.Shell = &shell
	return facts, nil
}

// maxJSON bounds what describes an image; registries take 4 MB.
const maxJSON = 4 << 20

func decode(s source, name string, into any) error {
	file, err := s.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxJSON+1))
	if err != nil {
		return err
	}
	if len(text) > maxJSON {
		return fmt.Errorf("%s: larger than %d MB", name, maxJSON>>20)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
