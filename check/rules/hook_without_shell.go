package rules

import (
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var hookWithoutShell = &check.Rule{
	Name: "hook-without-shell", Family: "hooks",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The hook needs a program that the image does not have",
	Why: "An exec hook runs in the container's own file system. Where there is no shell and no sleep, as in distroless and " +
		"scratch images, it fails at once; the kubelet records FailedPreStopHook and sends SIGTERM with no delay at all. A script that " +
		"calls curl where there is none carries on without having told anyone.",
	Remedy: "Use the sleep action, which needs no program in the image, or a static binary mounted into it such as lameduck's agent.",
	Source: "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			argv := c.PreStop.Argv()
			if len(argv) == 0 {
				continue
			}
			if missing(p, c, program(argv)) {
				d := p.Report(w.Object, c.PreStop.Exec.Get("command").Index(0), "preStop of container %s runs %s, which image %s does not have", c.Name, argv[0], c.Image)
				if wait, _ := c.PreStop.Wait(); wait > 0 && onlyWaits(c.PreStop) && p.Target >= sleepAction {
					d.Fix(manifest.Rewrite(c.PreStop.Exec, "sleep", fmt.Sprintf("seconds: %d", wait)))
				}
				continue
			}
			for name := range called(c.PreStop) {
				if missing(p, c, name) {
					_, at := c.PreStop.Text()
					p.Report(w.Object, at, "the script in preStop of container %s runs %s, which image %s does not have", c.Name, name, c.Image)
					break
				}
			}
		}
	},
}

// program is what a command line starts, env left out.
func program(argv []string) string {
	if path.Base(argv[0]) == "env" && len(argv) > 1 {
		argv = argv[1:]
	}
	return path.Base(argv[0])
}

// called are the programs that a hook's script runs for certain: outside of
// conditions, and not after a test of whether the program is there.
func called(h *workload.Hook) iter.Seq[string] {
	return func(yield func(string) bool) {
		if _, _, ok := shell.Unwrap(h.Argv()); !ok || !h.Script().Complete {
			return
		}
		for _, command := range h.Script().Commands {
			if command.Runs != shell.Yes || command.Name() == "kill" { // a shell has its own kill
				continue
			}
			if !yield(command.Name()) {
				return
			}
		}
	}
}

// missing reports whether an image is known not to have one of the programs
// that hooks are made of: by its facts, or because its publisher builds it so.
func missing(p *check.Pass, c *workload.Container, program string) bool {
	if !slices.Contains(check.HookPrograms, program) {
		return false
	}
	if facts, ok := p.Images.Of(c.Image); ok && (facts.Shell != nil || facts.Programs != nil) {
		return facts.Lacks(program)
	}
	repo := c.ImageRepo()
	switch {
	case strings.HasPrefix(repo, "gcr.io/distroless/"):
		return !strings.Contains(c.Tag(), "debug")
	case repo == "cgr.dev/chainguard/static", repo == "registry.k8s.io/pause":
		return true
	}
	return false
}
