package rules

import (
	"fmt"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var hookWithoutShell = &check.Rule{
	Name: "hook-without-shell", Family: "hooks",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The hook needs a program that the image does not have",
	Why: "An exec hook runs in the container's own file system. Where there is no shell and no sleep, as in distroless and " +
		"scratch images, it fails at once; the kubelet records FailedPreStopHook and sends SIGTERM with no delay at all.",
	Remedy: "Use the sleep action, which needs no program in the image, or a static binary mounted into it such as lameduck's agent.",
	Source: "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			argv := c.PreStop.Argv()
			if len(argv) == 0 || !needsShell(argv) || !shellless(p, c) {
				continue
			}
			d := p.Report(w.Object, c.PreStop.Exec.Get("command").Index(0), "preStop of container %s runs %s, which image %s does not have", c.Name, argv[0], c.Image)
			if wait, _ := c.PreStop.Wait(); wait > 0 && onlyWaits(c.PreStop) && p.Target >= sleepAction {
				d.Fix(workload.Rewrite(c.PreStop.Exec, "sleep", fmt.Sprintf("seconds: %d", wait)))
			}
		}
	},
}

// needsShell reports whether a command is a shell or one of its usual helpers.
func needsShell(argv []string) bool {
	if _, _, ok := shell.Unwrap(argv); ok {
		return true
	}
	switch argv[0][strings.LastIndexByte(argv[0], '/')+1:] {
	case "sh", "bash", "ash", "dash", "sleep", "curl", "wget", "kill":
		return true
	}
	return false
}

// shellless reports whether an image is known to have no shell: by its facts,
// or because its publisher builds it so.
func shellless(p *check.Pass, c *workload.Container) bool {
	if facts, ok := p.Images[c.Image]; ok && facts.Shell != nil {
		return !*facts.Shell
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
