package image

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "app")
	config := filepath.Join(dir, "config")
	for path, mode := range map[string]os.FileMode{binary: 0o755, config: 0o600} {
		if err := os.WriteFile(path, []byte("content of "+filepath.Base(path)), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name  string
		spec  Spec
		want  v1.Config
		files []string
	}{
		{
			"defaults",
			Spec{Tag: "registry.local/app:dev", Binary: binary},
			v1.Config{Entrypoint: []string{"/app"}, User: "65532:65532", Env: []string{"PATH=/"}},
			[]string{"app 755 content of app"},
		}, {
			"all fields",
			Spec{
				Tag: "registry.local/app:dev", Binary: binary, Name: "server", Files: map[string]string{"/etc/app/config": config, "/etc/other": config},
				Entrypoint: []string{"/server", "--serve"}, User: "0", Env: []string{"A=b"},
			},
			v1.Config{Entrypoint: []string{"/server", "--serve"}, User: "0", Env: []string{"PATH=/", "A=b"}},
			[]string{"etc/ 755 ", "etc/app/ 755 ", "etc/app/config 644 content of config", "etc/other 644 content of config", "server 755 content of app"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "image.tar")
			if err := Write(test.spec, archive); err != nil {
				t.Fatal(err)
			}
			tag, err := name.NewTag(test.spec.Tag)
			if err != nil {
				t.Fatal(err)
			}
			image, err := tarball.ImageFromPath(archive, &tag)
			if err != nil {
				t.Fatal(err)
			}
			got, err := image.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if got.OS != "linux" || got.Architecture != runtime.GOARCH {
				t.Errorf("it is for %s/%s", got.OS, got.Architecture)
			}
			if diff := cmp.Diff(test.want, got.Config); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.files, contents(t, image)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func contents(t *testing.T, image v1.Image) (files []string) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v, want 1", len(layers), err)
	}
	stream, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		mode := map[int64]string{0o755: "755", 0o644: "644"}[header.Mode]
		files = append(files, header.Name+" "+mode+" "+string(content))
	}
}

func TestSharedLayerIsWrittenOnce(t *testing.T) {
	shared, err := NewLayer(map[string]string{"/lib/shared": "image_test.go"})
	if err != nil {
		t.Fatal(err)
	}
	var specs []Spec
	for _, tag := range []string{"registry.local/one:dev", "registry.local/two:dev"} {
		specs = append(specs, Spec{Tag: tag, Below: []*Layer{shared}, Files: map[string]string{"/" + path.Base(tag): "image.go"}, Entrypoint: []string{"/lib/shared"}})
	}
	archive := filepath.Join(t.TempDir(), "images.tar")
	if err := WriteAll(specs, archive); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	layers := 0
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(header.Name, ".tar") {
			layers++
		}
	}
	if layers != 3 {
		t.Errorf("%d layers, want the shared one and one for each image", layers)
	}
	for _, spec := range specs {
		tag, err := name.NewTag(spec.Tag)
		if err != nil {
			t.Fatal(err)
		}
		image, err := tarball.ImageFromPath(archive, &tag)
		if err != nil {
			t.Fatal(err)
		}
		if layers, err := image.Layers(); err != nil || len(layers) != 2 {
			t.Errorf("%s has %d layers, %v", spec.Tag, len(layers), err)
		}
	}
}

func TestReproducible(t *testing.T) {
	dir := t.TempDir()
	var archives [2][]byte
	for i := range archives {
		path := filepath.Join(dir, "image.tar")
		if err := Write(Spec{Tag: "registry.local/app:dev", Binary: "image.go", Files: map[string]string{"/b": "image.go", "/a": "image.go"}}, path); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		archives[i] = content
	}
	if string(archives[0]) != string(archives[1]) {
		t.Error("the same input gives different archives")
	}
}

func TestRefuses(t *testing.T) {
	for want, spec := range map[string]Spec{
		`image "Not A Tag"`:             {Tag: "Not A Tag", Binary: "image.go"},
		"no such file":                  {Tag: "registry.local/app:dev", Binary: "none"},
		"give it a clean absolute path": {Tag: "registry.local/app:dev", Binary: "image.go", Files: map[string]string{"relative": "image.go"}},
		`file "/a/../b"`:                {Tag: "registry.local/app:dev", Binary: "image.go", Files: map[string]string{"/a/../b": "image.go"}},
	} {
		archive := filepath.Join(t.TempDir(), "image.tar")
		if err := Write(spec, archive); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if left, _ := filepath.Glob(archive + "*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
