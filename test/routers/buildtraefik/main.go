// Command buildtraefik builds Traefik from the modules that ../traefik names, into the folder that it is
// given. It leaves out the clients of 200 DNS providers, which would take most of the time.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// noProviders takes the place of lego's package of DNS providers.
const noProviders = `package dns

import (
	"fmt"

	"github.com/go-acme/lego/v5/challenge"
)

func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, fmt.Errorf("DNS provider %s was left out of this build", name)
}
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: buildtraefik FOLDER")
		os.Exit(2)
	}
	if err := build(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "buildtraefik:", err)
		os.Exit(1)
	}
}

func build(out string) (err error) {
	out, err = filepath.Abs(out)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "lameduck-traefik-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := os.CopyFS(work, os.DirFS("traefik")); err != nil {
		return err
	}
	if err := slimLego(work); err != nil {
		return err
	}
	_, err = run(work, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(out, "traefik"), "github.com/traefik/traefik/v3/cmd/traefik")
	return err
}

// slimLego copies lego's module to the folder lego, without its DNS providers.
func slimLego(work string) error {
	mod, err := os.ReadFile(filepath.Join(work, "go.mod"))
	if err != nil {
		return err
	}
	version := regexp.MustCompile(`github\.com/go-acme/lego/v5 (v\S+)`).FindSubmatch(mod)
	if version == nil {
		return errors.New("traefik/go.mod names no version of github.com/go-acme/lego/v5")
	}
	// Outside of the module, which replaces it.
	described, err := run(os.TempDir(), "mod", "download", "-json", "github.com/go-acme/lego/v5@"+string(version[1]))
	if err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(described, &module); err != nil {
		return fmt.Errorf("reading what go mod download says: %w", err)
	}
	lego := filepath.Join(work, "lego")
	if err := os.CopyFS(lego, os.DirFS(module.Dir)); err != nil {
		return err
	}
	providers := filepath.Join(lego, "providers", "dns")
	if err := os.RemoveAll(providers); err != nil {
		return err
	}
	if err := os.Mkdir(providers, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(providers, "dns.go"), []byte(noProviders), 0o644)
}

// run runs go in a folder, and gives its output.
func run(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go %s: %w", args[0], err)
	}
	return out.Bytes(), nil
}
