package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// use does what users do with a release: they install the programs, and import the libraries from a
// module of their own. All other modules come from this machine's usual sources.
func use(ctx context.Context, m made, version string) error {
	u, err := newUser(ctx, m)
	if err != nil {
		return err
	}
	return errors.Join(u.install(ctx, version), u.imports(ctx, version), u.importsOnlyGraceful(ctx, version), u.importsContribs(ctx, version))
}

// user has nothing of lameduck but what is published.
type user struct {
	dir string
	env []string
}

func newUser(ctx context.Context, m made) (user, error) {
	text, err := output(ctx, m.dir, []string{"GOWORK=off"}, "go", "env", "GOMODCACHE", "GOPROXY")
	if err != nil {
		return user{}, err
	}
	cache, proxy, _ := strings.Cut(text, "\n")
	u := user{dir: filepath.Join(m.dir, "user")}
	u.env = []string{
		"GOPROXY=" + strings.Join([]string{m.proxy, "file://" + filepath.Join(cache, "cache", "download"), proxy}, ","),
		// A cache of their own, since the version is not published. Sums of the checkout's go.sum are not looked up.
		"GOMODCACHE=" + filepath.Join(u.dir, "modules"), "GOSUMDB=off", "GOWORK=off", "GOFLAGS=-modcacherw -trimpath", "CGO_ENABLED=0",
		"GOBIN=" + filepath.Join(u.dir, "bin"),
	}
	return u, os.MkdirAll(u.dir, 0o755)
}

func (u user) go_(ctx context.Context, dir string, args ...string) (string, error) {
	return output(ctx, dir, u.env, "go", args...)
}

// install checks that each program installs at this version, and says so.
func (u user) install(ctx context.Context, version string) error {
	var wrong []error
	for _, program := range []struct{ name, command string }{
		{"lameduck", "--version"}, {"lameduck-agent", "version"}, {"lameduck-registry", "version"},
	} {
		if _, err := u.go_(ctx, u.dir, "install", module+"/cmd/"+program.name+"@"+version); err != nil {
			return err
		}
		says, err := output(ctx, u.dir, nil, filepath.Join(u.dir, "bin", program.name), program.command)
		if err == nil && !strings.HasSuffix(says, " "+version) {
			err = fmt.Errorf("%s %s says %q", program.name, program.command, says)
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// imports runs a program of another module that imports both libraries.
func (u user) imports(ctx context.Context, version string) error {
	says, err := u.program(ctx, "importer", `package main

import (
	"fmt"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/verify"
)

func main() { fmt.Println(termination.CarefulSleep, verify.LaneFresh) }
`, module+"/verify@"+version, graceful+"/termination@"+version)
	if err == nil && says != "15s fresh" {
		err = fmt.Errorf("the program that imports verify and graceful says %q", says)
	}
	return err
}

// importsOnlyGraceful checks that an application's module graph gains nothing but graceful.
func (u user) importsOnlyGraceful(ctx context.Context, version string) error {
	_, err := u.program(ctx, "application", `package main

import "github.com/lameduck-dev/lameduck/graceful/termination"

func main() { _ = termination.Default }
`, graceful+"/termination@"+version)
	if err != nil {
		return err
	}
	graph, err := u.go_(ctx, filepath.Join(u.dir, "application"), "list", "-m", "all")
	if want := "example.com/application\n" + graceful + " " + version; err == nil && graph != want {
		err = fmt.Errorf("an application that imports graceful has these modules in its graph:\n%s", graph)
	}
	return err
}

// importsContribs runs a program that imports the modules beside graceful.
func (u user) importsContribs(ctx context.Context, version string) error {
	says, err := u.program(ctx, "contribs", `package main

import (
	"fmt"

	gracefulgrpc "github.com/lameduck-dev/lameduck/graceful/contrib/grpc"
)

func main() { fmt.Println(new(gracefulgrpc.Server).Addr == "") }
`, module+"/graceful/contrib/grpc@"+version)
	if err == nil && says != "true" {
		err = fmt.Errorf("the program that imports graceful/contrib/grpc says %q", says)
	}
	return err
}

// program makes a module with one file, gets the packages, and returns what the program prints.
func (u user) program(ctx context.Context, name, text string, packages ...string) (string, error) {
	dir := filepath.Join(u.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o644); err != nil {
		return "", err
	}
	if _, err := u.go_(ctx, dir, "mod", "init", "example.com/"+name); err != nil {
		return "", err
	}
	if _, err := u.go_(ctx, dir, append([]string{"get"}, packages...)...); err != nil {
		return "", err
	}
	return u.go_(ctx, dir, "run", ".")
}
