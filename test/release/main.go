// Package main is the command release: it checks that everything is ready for a release, and makes its tags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

func main() {
	version := flag.String("version", "", "`version` to release, as in v0.1.0")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "release checks the checkout, makes each go.mod require graceful at the version, and tags it. It pushes nothing.\n"+
			"Exit codes: 0 the tags are made, 1 something is not ready.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := release(ctx, *version)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "release %s: %v\n", *version, err)
		os.Exit(1)
	}
}

func release(ctx context.Context, version string) (err error) {
	root, err := checkout(ctx)
	if err != nil {
		return err
	}
	if err := root.ready(ctx, version); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lameduck-release-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Println("making the modules of this checkout")
	made, err := publish(ctx, root, dir, version)
	if err != nil {
		return err
	}
	fmt.Println("installing the programs and importing the libraries, as users do")
	if err := use(ctx, made, version); err != nil {
		return err
	}
	if err := root.commit(ctx, made.files, "Release "+version); err != nil {
		return err
	}
	for _, tag := range tagNames(version) {
		if _, err := root.git(ctx, "tag", "--annotate", "--message", "lameduck "+version, tag); err != nil {
			return fmt.Errorf("%w; delete the tags before you try again: git tag --delete %s", err, strings.Join(tagNames(version), " "))
		}
	}
	fmt.Printf("Tagged. When CI has passed on this commit: git push --atomic origin HEAD %s\n", strings.Join(tagNames(version), " "))
	return nil
}

// repository is a checkout.
type repository string

// checkout is the checkout that contains the working directory.
func checkout(ctx context.Context) (repository, error) {
	top, err := repository(".").git(ctx, "rev-parse", "--show-toplevel")
	return repository(top), err
}

func (r repository) git(ctx context.Context, args ...string) (string, error) {
	return output(ctx, string(r), nil, "git", args...)
}

// versions matches a release's version: without build metadata, which module versions do not have.
var versions = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`)

// ready reports everything that is missing for a release in one error.
func (r repository) ready(ctx context.Context, version string) error {
	if !versions.MatchString(version) {
		return fmt.Errorf("%q is not a version: write it as in v0.1.0", version)
	}
	var missing []error
	changed, err := r.git(ctx, "status", "--porcelain")
	switch {
	case err != nil:
		return err
	case changed != "":
		missing = append(missing, fmt.Errorf("the checkout is not clean: commit or stash these:\n%s", changed))
	}
	tags, err := r.git(ctx, append([]string{"tag", "--list"}, tagNames(version)...)...)
	switch {
	case err != nil:
		return err
	case tags != "":
		missing = append(missing, fmt.Errorf("these tags already exist: %s; a pushed version can't change, so use the next one", strings.Join(strings.Fields(tags), ", ")))
	}
	changes, err := os.ReadFile(filepath.Join(string(r), "CHANGELOG.md"))
	switch {
	case err != nil:
		return err
	case !regexp.MustCompile(`(?m)^## ` + regexp.QuoteMeta(version) + `\b`).Match(changes):
		missing = append(missing, fmt.Errorf("CHANGELOG.md has no section %s: move what is below Unreleased into it", version))
	}
	return errors.Join(missing...)
}

// commit writes files of the checkout and commits them, if that changes anything.
func (r repository) commit(ctx context.Context, files map[string][]byte, subject string) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(string(r), name), content, 0o644); err != nil {
			return err
		}
	}
	changed, err := r.git(ctx, "status", "--porcelain")
	if err != nil || changed == "" {
		return err
	}
	_, err = r.git(ctx, "commit", "--all", "--message", subject)
	return err
}
