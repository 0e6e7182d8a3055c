package render

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lameduck-dev/lameduck/check/render/rendertest"
)

// TestNothingOutside builds kustomizations and charts that reach out by every field that takes
// a path, and looks at what is touched: a server that counts its calls, a git on PATH that leaves
// a mark, and secrets outside and beside them in the working folder, of which the kernel reports
// every open.
func TestNothingOutside(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var calls atomic.Int64
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = c.Close()
		}
	}()
	outside, work, programs, alias := t.TempDir(), t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "alias")
	rendertest.PutSecret(t, filepath.Join(outside, "secret.yaml"))
	rendertest.PutSecrets(t, work)
	if err := os.Symlink(work, alias); err != nil {
		t.Fatal(err)
	}
	rendertest.Put(t, filepath.Join(programs, "git"), "#!/bin/sh\n: >"+programs+"/ran\n")
	rendertest.Put(t, filepath.Join(programs, "helm"), "#!/bin/sh\n: >"+programs+"/ran\n")
	for _, name := range []string{"git", "helm"} {
		if err := os.Chmod(filepath.Join(programs, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs)
	watch, err := syscall.InotifyInit1(syscall.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(watch)
	watched := []string{outside, filepath.Join(work, ".git")}
	for _, secret := range rendertest.Secrets {
		watched = append(watched, filepath.Join(work, secret))
	}
	for _, path := range watched {
		if _, err := syscall.InotifyAddWatch(watch, path, syscall.IN_OPEN|syscall.IN_ACCESS); err != nil {
			t.Fatal(err)
		}
	}
	opened := func() bool { n, _ := syscall.Read(watch, make([]byte, 4096)); return n > 0 }
	if _, err := os.ReadFile(filepath.Join(outside, "secret.yaml")); err != nil || !opened() {
		t.Fatal("the control is not seen:", err)
	}

	folders := rendertest.Hostile(server.Addr().String(), outside)
	for name, folder := range folders {
		dir := folderName(name)
		folder.Put(t, name, filepath.Join(work, dir), outside)
		if err := os.Symlink(dir, filepath.Join(work, "link-to-"+dir)); err != nil {
			t.Fatal(err)
		}
	}
	for how, named := range map[string]struct{ here, prefix string }{
		"by name":                       {work, ""},
		"by a link":                     {work, "link-to-"},
		"from a link":                   {alias, ""},
		"from a link, by a path":        {alias, work + "/"},
		"by a path through a link":      {work, alias + "/"},
		"by a path through three links": {alias, alias + "/link-to-"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Chdir(named.here)
			for name := range folders {
				dir := named.prefix + folderName(name)
				r := &Renderer{KubernetesVersion: "1.34"}
				r.Scan([]string{dir})
				found, problems, _ := r.Folder(dir)
				for _, f := range found {
					if strings.Contains(f.Src, rendertest.Leak) {
						t.Errorf("%s leaked:\n%s", name, f.Src)
					}
				}
				if len(problems) != 1 {
					t.Errorf("%s: %v: want one problem", name, problems)
				}
				if opened() {
					t.Errorf("%s opened something outside", name)
				}
				if n := calls.Swap(0); n > 0 {
					t.Errorf("%s called the server %d times", name, n)
				}
				if _, err := os.Stat(filepath.Join(programs, "ran")); err == nil {
					t.Fatalf("%s ran a program", name)
				}
			}
		})
	}
}

// folderName is where a hostile folder is put.
func folderName(name string) string {
	return strings.NewReplacer("/", "-", ".", "-").Replace(name)
}
