package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/check/image"
	"github.com/lameduck-dev/lameduck/check/render"
	"github.com/lameduck-dev/lameduck/check/rules"
	"github.com/lameduck-dev/lameduck/manifest"
)

// configFile is read from the working folder if it is there.
const configFile = ".lameduck.yaml"

// inputFlags say what is read and what is known about it.
type inputFlags struct {
	kubernetes string
	config     string
	only       []string
	imageFacts string
	archives   []string
	values     []string
	empty      emptiness
}

func (i *inputFlags) add(f *pflag.FlagSet) {
	f.StringVar(&i.kubernetes, "kubernetes-version", "", "the cluster's version (default "+check.DefaultVersion.String()+")")
	f.StringVar(&i.config, "config", "", "config file (default "+configFile+" if it is there)")
	f.StringSliceVar(&i.only, "rules", nil, "apply these rules only, comma-separated")
	i.addReading(f)
	f.StringVar(&i.imageFacts, "image-facts", "", "`FILE` with facts about images: NAME: {entrypoint, cmd, stopSignal, shell, programs, labels}")
	f.StringArrayVar(&i.archives, "image-archive", nil, "`[NAME=]PATH` of an image on this disk, to read these facts from: an OCI layout, an archive of one, or the output of docker save; repeatable")
}

// addReading adds what every command that renders reads by.
func (i *inputFlags) addReading(f *pflag.FlagSet) {
	f.StringArrayVar(&i.values, "values", nil, "values file for Helm charts, repeatable")
	i.empty.add(f)
}

func (i *inputFlags) options(ctx context.Context) (check.Options, error) {
	o := check.Options{Rules: rules.All()}
	if len(i.only) > 0 {
		var only []*check.Rule
		for _, name := range i.only {
			rule, err := check.FindRule(o.Rules, strings.TrimSpace(name))
			if err != nil {
				return o, fmt.Errorf("--rules: %w", err)
			}
			only = append(only, rule)
		}
		o.Rules = only
	}
	path := i.config
	if path == "" {
		if _, err := os.Lstat(configFile); !errors.Is(err, fs.ErrNotExist) {
			path = configFile
		}
	}
	if path != "" {
		text, err := readNamed(path)
		if err != nil {
			return o, err
		}
		if o.Config, err = check.ParseConfig(text, rules.All()); err != nil {
			return o, fmt.Errorf("%s: %w", path, err)
		}
	}
	version := i.kubernetes
	if version == "" && o.Config != nil {
		version = o.Config.KubernetesVersion
	}
	if version != "" {
		target, err := check.ParseVersion(version)
		if err != nil {
			return o, err
		}
		o.Target = target
	}
	images, err := i.images(ctx)
	o.Images = images
	return o, err
}

// images reads what is known about images. A file's facts override an archive's.
func (i *inputFlags) images(ctx context.Context) (check.Images, error) {
	all := check.Images{}
	for _, each := range i.archives {
		as, path, named := strings.Cut(each, "=")
		if !named {
			as, path = "", each
		}
		path, err := manifest.Named(path)
		if err != nil {
			return nil, fmt.Errorf("--image-archive: reading image %s: %w", each, err)
		}
		images, err := image.Read(ctx, path, as)
		if err != nil {
			return nil, fmt.Errorf("--image-archive: %w", err)
		}
		maps.Copy(all, images)
	}
	if i.imageFacts == "" {
		return all, nil
	}
	text, err := readNamed(i.imageFacts)
	if err != nil {
		return nil, fmt.Errorf("--image-facts: %w", err)
	}
	images, err := check.ParseImages(text)
	if err != nil {
		return nil, fmt.Errorf("--image-facts %s: %w", i.imageFacts, err)
	}
	maps.Copy(all, images)
	return all, nil
}

// load reads the input, and reports its progress once that takes over 2 s.
func (i *inputFlags) load(cmd *cobra.Command, names []string) (*manifest.Input, *render.Renderer, error) {
	if len(names) == 0 {
		return nil, nil, &exitError{exitUsage, fmt.Errorf("nothing to read: name files or folders, or - for standard input (lameduck %s --help)", cmd.Name())}
	}
	target := check.DefaultVersion
	if i.kubernetes != "" {
		var err error
		if target, err = check.ParseVersion(i.kubernetes); err != nil {
			return nil, nil, &exitError{exitUsage, err}
		}
	}
	collectLate()
	beforeRendering()
	renderer := render.Renderer{KubernetesVersion: target.String(), Values: i.values, Exceeded: func(err error) {
		printError(cmd.ErrOrStderr(), err)
		os.Exit(exitUnreadable)
	}}
	progress := startProgress(cmd.ErrOrStderr())
	defer progress.stop()
	progress.say("looking through what was named")
	renderer.Scan(names)
	l := manifest.Loader{
		Stdin: cmd.InOrStdin(),
		Render: func(dir string) ([]*manifest.File, []manifest.Problem, bool) {
			progress.say("reading or rendering %s", dir)
			return renderer.Folder(dir)
		},
		Progress: func(read, found int) { progress.say("read %d of %d files", read, found) },
	}
	sayStdin(progress, names)
	in, err := l.Load(cmd.Context(), names...)
	if err == nil && len(in.Problems) == 0 && len(i.values) > 0 && renderer.Charts == 0 {
		err = &exitError{exitUsage, errors.New("--values would have no effect: there is no Helm chart in what was named")}
	}
	return in, &renderer, err
}

// sayStdin reports the wait for standard input, which ends when who writes it does.
func sayStdin(progress *progress, names []string) {
	if slices.Contains(names, "-") {
		progress.say("reading standard input until it ends")
	}
}

// nothing tells of what holds no object, with the exit code if nothing does.
func (i *inputFlags) nothing(cmd *cobra.Command, in *manifest.Input, names []string) error {
	if err := i.empty.tellNames(cmd.ErrOrStderr(), in, names); err != nil {
		return &exitError{exitUnreadable, err}
	}
	return nil
}
