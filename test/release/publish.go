package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The modules that users name. Each is tagged: the root by the version, the others by their folder and the
// version. All but graceful require it.
const (
	module   = "github.com/lameduck-dev/lameduck"
	graceful = module + "/graceful"
)

// contribs are the folders of the modules beside graceful that users name.
var contribs = []string{"graceful/contrib/grpc"}

// tagNames are the tags of a version.
func tagNames(version string) []string {
	names := []string{"graceful/" + version}
	for _, folder := range contribs {
		names = append(names, folder+"/"+version)
	}
	return append(names, version)
}

// made is what a release would publish.
type made struct {
	dir   string
	proxy string            // URL of a folder that is a module proxy of the tagged modules
	files map[string][]byte // go.mod and go.sum of the modules that require graceful, as tagged
}

// publish tags what is in the checkout, changed files too, in a separate repository below dir, and
// has the go command make the modules of these tags: so they are, to the bit, what users will get.
// Those that require graceful require it at the same version, with its sum.
func publish(ctx context.Context, root repository, dir, version string) (made, error) {
	m := made{dir: dir, proxy: "file://" + filepath.Join(dir, "made", "cache", "download"), files: map[string][]byte{}}
	tags := tagger{
		from: root, dir: filepath.Join(dir, "tagged.git"),
		env: []string{
			"GIT_OBJECT_DIRECTORY=" + filepath.Join(dir, "tagged.git", "objects"), "GIT_INDEX_FILE=" + filepath.Join(dir, "index"),
			"GIT_AUTHOR_NAME=release", "GIT_AUTHOR_EMAIL=release@localhost", "GIT_COMMITTER_NAME=release", "GIT_COMMITTER_EMAIL=release@localhost",
		},
	}
	if _, err := root.git(ctx, "init", "--quiet", "--bare", tags.dir); err != nil {
		return m, err
	}
	if err := tags.stage(ctx, "add", "--all", "."); err != nil {
		return m, err
	}
	if err := tags.tag(ctx, "graceful/"+version); err != nil {
		return m, err
	}
	library, err := m.download(ctx, tags.dir, graceful+"@"+version)
	if err != nil {
		return m, err
	}
	for _, folder := range append(slices.Clone(contribs), ".") {
		for name, change := range map[string]func(string) (string, error){
			"go.mod": func(text string) (string, error) { return require(ctx, dir, text, version) },
			"go.sum": func(text string) (string, error) { return library.into(text), nil },
		} {
			name = filepath.Join(folder, name)
			before, err := os.ReadFile(filepath.Join(string(root), name))
			if err != nil {
				return m, err
			}
			after, err := change(string(before))
			if err != nil {
				return m, err
			}
			m.files[name] = []byte(after)
			if err := tags.replace(ctx, name, m.files[name]); err != nil {
				return m, err
			}
		}
	}
	for _, folder := range contribs {
		if err := tags.tag(ctx, folder+"/"+version); err != nil {
			return m, err
		}
		if _, err := m.download(ctx, tags.dir, module+"/"+folder+"@"+version); err != nil {
			return m, err
		}
	}
	if err := tags.tag(ctx, version); err != nil {
		return m, err
	}
	_, err = m.download(ctx, tags.dir, module+"@"+version)
	return m, err
}

// require returns the go.mod with a requirement of graceful at the version.
func require(ctx context.Context, dir, text, version string) (string, error) {
	file := filepath.Join(dir, "go.mod")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	if _, err := output(ctx, dir, nil, "go", "mod", "edit", "-require="+graceful+"@"+version, file); err != nil {
		return "", err
	}
	changed, err := os.ReadFile(file)
	return string(changed), errors.Join(err, os.Remove(file))
}

// sums are a module version's sums, as the go command prints them.
type sums struct{ Path, Version, Sum, GoModSum string }

// into returns the go.sum with the module at this version and no other, in the go command's order.
func (s sums) into(text string) string {
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.HasPrefix(line, s.Path+" ") })
	at := slices.IndexFunc(lines, func(line string) bool { return line == "" || line > s.Path })
	return strings.Join(slices.Insert(lines, at, s.Path+" "+s.Version+" "+s.Sum, s.Path+" "+s.Version+"/go.mod "+s.GoModSum), "\n")
}

// download has the go command make a module from a tag, as it does for users without a proxy, but from
// the local repository.
func (m made) download(ctx context.Context, repo, what string) (sums, error) {
	var got sums
	text, err := output(ctx, m.dir, []string{
		"GOMODCACHE=" + filepath.Join(m.dir, "made"), "GOPROXY=direct", "GOSUMDB=off", "GOWORK=off", "GOFLAGS=-modcacherw",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url.file://" + repo + ".insteadOf", "GIT_CONFIG_VALUE_0=https://" + module,
	}, "go", "mod", "download", "-json", what)
	if err == nil {
		err = json.Unmarshal([]byte(text), &got)
	}
	return got, err
}

// tagger tags a checkout's files in another repository.
type tagger struct {
	from repository
	dir  string
	env  []string
}

func (t tagger) stage(ctx context.Context, args ...string) error {
	_, err := output(ctx, string(t.from), t.env, "git", args...)
	return err
}

// replace stages other content for a file.
func (t tagger) replace(ctx context.Context, name string, content []byte) error {
	file := filepath.Join(t.dir, "content")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return err
	}
	object, err := output(ctx, string(t.from), t.env, "git", "hash-object", "-w", "--no-filters", file)
	if err != nil {
		return err
	}
	return t.stage(ctx, "update-index", "--cacheinfo", "100644,"+object+","+name)
}

// tag tags what is staged.
func (t tagger) tag(ctx context.Context, name string) error {
	tree, err := output(ctx, string(t.from), t.env, "git", "write-tree")
	if err != nil {
		return err
	}
	commit, err := output(ctx, string(t.from), t.env, "git", "commit-tree", "-m", name, tree)
	if err != nil {
		return err
	}
	_, err = output(ctx, t.dir, nil, "git", "tag", name, commit)
	return err
}

// output runs a program and returns what it printed.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}
