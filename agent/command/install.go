package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lameduck-dev/lameduck/agent/settings"
)

const (
	installedName     = "agent"
	installedRegistry = "registry"
	configName        = "config.json"

	// registryName is lameduck-registry, which lies beside the agent in its image.
	registryName = "lameduck-registry"
)

const installHead = `Usage: lameduck-agent install DIR [flags]

Copies itself to DIR/agent (mode 0755) and writes the flags to DIR/config.json (mode 0644), where
DIR/agent prestop finds them. With a registry among them it copies lameduck-registry, which lies
beside it, to DIR/registry. DIR is a volume that an init container shares with the others.

Flags may also be in the environment, as a list in JSON: LAMEDUCK_INSTALL_ARGS='["--grace=60s"]'. A
webhook puts those there that an older version does not know and would fail on.

An init container that fails keeps its pod from starting. So a flag that this version does not
know, or whose value it can't read, is named and left out: a webhook may be of another version.

Exit codes: 0 installed; 1 it could not be written; 2 the directory is missing.

Flags:
`

func install(args []string, stdout, stderr io.Writer) int {
	left, err := runInstall(args, os.Getenv(settings.Variable), stdout)
	if left != nil {
		fmt.Fprintln(stderr, "lameduck-agent: install: left out:", strings.ReplaceAll(left.Error(), "\n", "; "))
	}
	var wrong *usageError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "lameduck-agent: install: %v (see lameduck-agent install --help)\n", err)
		return ExitUsage
	}
	fmt.Fprintln(stderr, "lameduck-agent: install:", err)
	return ExitFailed
}

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// runInstall gives what it left out of args and the environment, and the error that kept it from installing.
func runInstall(args []string, environment string, stdout io.Writer) (left, err error) {
	dir := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		dir, args = args[0], args[1:]
	}
	flags := newFlags("install")
	newOptions().register(flags)
	taken, rest, left := parseLeniently(flags, args)
	switch {
	case asksHelp(left):
		printFlags(flags, stdout, installHead)
		return nil, nil
	case dir == "":
		return nil, &usageError{errors.New("the directory is missing: install DIR [flags]")}
	case len(rest) > 0:
		left = errors.Join(left, fmt.Errorf("%q is not a flag", rest[0]))
	}
	newer, err := settings.Read(environment)
	also, rest, leftToo := parseLeniently(flags, newer)
	if len(rest) > 0 {
		leftToo = errors.Join(leftToo, fmt.Errorf("%q in %s is not a flag", rest[0], settings.Variable))
	}
	taken, left = append(taken, also...), errors.Join(left, err, leftToo)
	// Once more, without what was left out.
	o, flags := newOptions(), newFlags("install")
	o.register(flags)
	if err := flags.Parse(taken); err != nil {
		return left, err
	}
	if _, _, err := o.settings(); err != nil {
		left = errors.Join(left, fmt.Errorf("the hook will use its defaults: %w", err))
	}
	return left, writeInstalled(dir, taken, len(o.registries) > 0)
}

// writeInstalled puts the agent into dir, with its settings, and lameduck-registry if it is needed.
func writeInstalled(dir string, args []string, registries bool) error {
	if args == nil {
		args = []string{}
	}
	config, err := json.MarshalIndent(args, "", "  ")
	if err != nil {
		return err
	}
	// The settings first: an agent that is in place must have them.
	err = writeAtomically(filepath.Join(dir, configName), 0o644, func(to io.Writer) error {
		_, err := to.Write(append(config, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	if registries {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		program := filepath.Join(filepath.Dir(self), registryName)
		if err := copyFile(program, filepath.Join(dir, installedRegistry)); err != nil {
			return err
		}
	}
	return copyFile("/proc/self/exe", filepath.Join(dir, installedName))
}

// copyFile copies a program.
func copyFile(from, to string) error {
	return writeAtomically(to, 0o755, func(to io.Writer) error {
		file, err := os.Open(from)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(to, file)
		return err
	})
}

// writeAtomically leaves the file whole, or as it was. The mode is set whatever the umask.
func writeAtomically(path string, mode os.FileMode, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			file.Close()
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if err := write(file); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
