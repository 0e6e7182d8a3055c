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
	outside, work, programs := t.TempDir(), t.TempDir(), t.TempDir()
	rendertest.PutSecret(t, filepath.Join(outside, "secret.yaml"))
	rendertest.PutSecrets(t, work)
	t.Chdir(work)
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

	for name, folder := range rendertest.Hostile(server.Addr().String(), outside) {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(work, strings.NewReplacer("/", "-", ".", "-").Replace(name))
			folder.Put(t, name, dir, outside)
			r := &Renderer{KubernetesVersion: "1.34"}
			r.Scan([]string{dir})
			found, problems, _ := r.Folder(dir)
			for _, f := range found {
				if strings.Contains(f.Src, rendertest.Leak) {
					t.Errorf("it leaked:\n%s", f.Src)
				}
			}
			if len(problems) != 1 {
				t.Errorf("%v: want one problem", problems)
			}
			if opened() {
				t.Error("something outside was opened")
			}
			if n := calls.Load(); n > 0 {
				t.Errorf("the server was called %d times", n)
			}
			if _, err := os.Stat(filepath.Join(programs, "ran")); err == nil {
				t.Error("a program was run")
			}
		})
	}
}
