package image

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/compression"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/lameduck-dev/lameduck/check"
)

func TestPrograms(t *testing.T) {
	for _, tt := range []struct {
		name   string
		layers [][]string
		shell  bool
		want   string
	}{
		{"nothing in it", [][]string{{"app"}}, false, ""},
		{"a plain base", [][]string{{"bin/", "bin/sh", "bin/sleep", "usr/bin/curl"}, {"app/", "app/app.jar"}}, true, "sh sleep curl"},
		{"merged folders, relative links", [][]string{{"bin->usr/bin", "usr/", "usr/bin/", "usr/bin/dash", "usr/bin/sh->dash"}}, true, "sh dash"},
		{"an absolute link", [][]string{{"./bin/busybox", "./bin/sh->/bin/busybox"}}, true, "sh busybox"},
		{"a link into nothing", [][]string{{"bin/sh->/bin/busybox"}}, false, ""},
		{"links in a circle", [][]string{{"bin/sh->ash", "bin/ash->sh"}}, false, ""},
		{"a file taken out above", [][]string{{"bin/sh", "bin/sleep"}, {"bin/.wh.sh"}}, false, "sleep"},
		{"taken out and put back", [][]string{{"bin/sh"}, {"bin/.wh.sh"}, {"bin/sh"}}, true, "sh"},
		{"a folder emptied above", [][]string{{"bin/sh", "bin/sleep"}, {"bin/", "bin/curl", "bin/.wh..wh..opq"}}, false, "curl"},
		{"a folder taken out above", [][]string{{"usr/bin/sh", "bin->usr/bin"}, {"usr/.wh.bin"}}, false, ""},
		{"added through a link below", [][]string{{"bin->usr/bin", "usr/bin/"}, {"bin/sh"}}, true, "sh"},
		{"a folder in a link's place", [][]string{{"bin->usr/bin", "usr/bin/sh"}, {"bin/"}}, false, "sh"},
		{"a link up out of the root", [][]string{{"bin/sh->../../../../usr/sh", "usr/sh"}}, true, "sh"},
		{"a folder of that name", [][]string{{"bin/sh/"}}, false, ""},
		{"not in the PATH", [][]string{{"opt/tools/curl", "bin/sh"}}, true, "sh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := read(t, layoutOf(t, fullName, "shop/web:1", build(t, compression.GZip, tt.layers...)), "", "shop/web:1")
			if *got.Shell != tt.shell {
				t.Errorf("shell %v, want %v", *got.Shell, tt.shell)
			}
			if programs := strings.Join(got.Programs, " "); programs != tt.want {
				t.Errorf("programs %q, want %q", programs, tt.want)
			}
		})
	}
}

var shellBase = []string{"bin/", "bin/sh", "bin/sleep"}

// TestForms reads one image in each form in which it may lie about.
func TestForms(t *testing.T) {
	img := build(t, compression.GZip, shellBase, []string{"app.jar"})
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	named := layoutOf(t, fullName, "docker.io/shop/web:1", img)
	several := layoutOf(t, fullName, "docker.io/library/web:latest", index(t,
		mutate.IndexAddendum{Add: build(t, compression.GZip), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "windows"}}},
		mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: build(t, compression.GZip), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown"}}},
	))
	for _, tt := range []struct{ name, path, as, want string }{
		{"layout", named, "", "shop/web:1"},
		{"layout, by digest", named, "", "shop/web:1@" + digest.String()},
		{"layout with a tag alone", layoutOf(t, refName, "1", img), "registry.example.com/web:1", "registry.example.com/web:1"},
		{"archive of a layout", archived(t, named), "", "shop/web:1"},
		{"docker save", saved(t, img), "", "index.docker.io/shop/web:1"},
		{"several platforms", several, "", "web"},
		{"zstd", layoutOf(t, refName, "shop/web:1", build(t, compression.ZStd, shellBase)), "", "shop/web:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			has := true
			want := check.Image{
				Entrypoint: []string{"/bin/sh", "-c", "java -jar app.jar"}, StopSignal: "SIGQUIT", Shell: &has,
				Programs: []string{"sh", "sleep"}, Labels: map[string]string{"org.springframework.boot.version": "3.2.1"},
			}
			if diff := cmp.Diff(want, read(t, tt.path, tt.as, tt.want)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLayerElsewhere: what an image holds is unknown if a layer is not there,
// and what its configuration says is known all the same.
func TestLayerElsewhere(t *testing.T) {
	img := build(t, compression.GZip, shellBase)
	dir := layoutOf(t, fullName, "shop/web:1", img)
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, blob(digest))); err != nil {
		t.Fatal(err)
	}
	got := read(t, dir, "", "shop/web:1")
	if got.Shell != nil || got.Programs != nil || got.StopSignal != "SIGQUIT" {
		t.Errorf("%+v", got)
	}
}

func TestErrors(t *testing.T) {
	img := build(t, compression.GZip, shellBase)
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "image.tar")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	two := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img}, mutate.IndexAddendum{Add: build(t, compression.GZip)})
	for _, tt := range []struct{ name, path, as, want string }{
		{"absent", filepath.Join(t.TempDir(), "no"), "", "no such file"},
		{"not a tar", file(strings.Repeat("no", 1000)), "", "as a tar archive"},
		{"compressed", file("\x1f\x8b\x08\x00"), "", "gunzip"},
		{"something else", t.TempDir(), "", "not an OCI layout"},
		{"no name", layoutOf(t, refName, "1", img), "", "NAME=PATH"},
		{"several", write(t, two), "shop/web:1", "which one is shop/web:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Read(context.Background(), tt.path, tt.as); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q in it", err, tt.want)
			}
		})
	}
}

func read(t *testing.T, path, as, want string) check.Image {
	t.Helper()
	images, err := Read(context.Background(), path, as)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := images.Of(want)
	if !ok {
		t.Fatalf("%s is not in %v", want, images)
	}
	return got
}

// build makes an image of layers of empty files. An entry that ends with / is
// a folder, name->to a link.
func build(t *testing.T, how compression.Compression, layers ...[]string) v1.Image {
	t.Helper()
	img := empty.Image
	for _, entries := range layers {
		text := tarOf(t, entries)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }, tarball.WithCompression(how))
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			t.Fatal(err)
		}
	}
	img, err := mutate.Config(img, v1.Config{
		Entrypoint: []string{"/bin/sh", "-c", "java -jar app.jar"}, StopSignal: "SIGQUIT",
		Labels: map[string]string{"org.springframework.boot.version": "3.2.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func tarOf(t *testing.T, entries []string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e, Typeflag: tar.TypeReg, Mode: 0o755}
		if at, to, ok := strings.Cut(e, "->"); ok {
			h.Name, h.Linkname, h.Typeflag = at, to, tar.TypeSymlink
		} else if strings.HasSuffix(e, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func index(t *testing.T, all ...mutate.IndexAddendum) v1.ImageIndex {
	t.Helper()
	return mutate.AppendManifests(empty.Index, all...)
}

func layoutOf(t *testing.T, annotation, value string, what mutate.Appendable) string {
	t.Helper()
	return write(t, index(t, mutate.IndexAddendum{Add: what, Descriptor: v1.Descriptor{Annotations: map[string]string{annotation: value}}}))
}

func write(t *testing.T, all v1.ImageIndex) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := layout.Write(dir, all); err != nil {
		t.Fatal(err)
	}
	return dir
}

func archived(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(file)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func saved(t *testing.T, img v1.Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	tag, err := name.NewTag("shop/web:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(path, tag, img); err != nil {
		t.Fatal(err)
	}
	return path
}
